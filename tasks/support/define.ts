import { task } from "hardhat/config";
import { ArgumentType } from "hardhat/types/arguments";

// Definitions are loaded before the first compilation. Whatever needs typed contracts is imported when a task runs.

/** What every task of the market takes. */
export interface CommonArguments {
  account: number;
  deployment?: string;
  json: boolean;
}

export const json = { name: "json", description: "print one JSON object in one line, and nothing else" } as const;

/** Begins the definition of a task of the market. */
export function marketTask(id: string, description: string) {
  return task(id, description)
    .addOption({
      name: "account",
      type: ArgumentType.INT,
      defaultValue: 0,
      description: "which of the network's accounts acts, from 0",
    })
    .addOption({
      ...optional("deployment", "file with the addresses; by default Ignition's for this chain"),
      type: ArgumentType.FILE_WITHOUT_DEFAULT,
    })
    .addFlag(json);
}

/** A text option without a default. Options that a task cannot do without are checked when it runs. */
export function optional<Name extends string>(name: Name, description: string) {
  return { name, description, type: ArgumentType.STRING_WITHOUT_DEFAULT, defaultValue: undefined } as const;
}

/** A positional text. */
export function text<Name extends string>(name: Name, description: string) {
  return { name, description, type: ArgumentType.STRING } as const;
}

/** A positional number without fraction, such as the id of a job. */
export function number<Name extends string>(name: Name, description: string) {
  return { name, description, type: ArgumentType.BIGINT } as const;
}

/** A positional amount. */
export const amount = text("amount", "in whole tokens, such as 1.5");

export const model = number("model", "id of the model");
export const job = number("job", "id of the job");
export const dispute = number("case", "id of the case, as dispute:challenge prints it");
export const token = optional("token", "address of the token; stake or pay name those of a development deployment");

/** Where the search for events begins: nodes that limit it need a block near the deployment. */
export const fromBlock = {
  name: "fromBlock",
  description: "block to search events from, such as that of the deployment",
  type: ArgumentType.INT,
  defaultValue: 0,
} as const;

/** Imports an action when its task runs. */
export function lazy<Actions, Name extends keyof Actions>(load: () => Promise<Actions>, name: Name) {
  return async () => ({ default: (await load())[name] });
}
