import { task } from "hardhat/config";
import { ArgumentType } from "hardhat/types/arguments";

// Definitions are loaded before the first compilation. Whatever needs typed contracts is imported when a task runs.

/** What every task of the market takes. */
export interface CommonArguments {
  account: number;
  deployment?: string;
  json: boolean;
}

/** Begins the definition of a task of the market. */
export function marketTask(id: string, description: string) {
  return task(id, description)
    .addOption({
      name: "account",
      type: ArgumentType.INT,
      defaultValue: 0,
      description: "which of the network's accounts sends",
    })
    .addOption({
      ...optional("deployment", "file with the addresses; by default Ignition's for this chain"),
      type: ArgumentType.FILE_WITHOUT_DEFAULT,
    })
    .addFlag({ name: "json", description: "print one line of JSON, amounts in the token's smallest unit" });
}

/** A text option without a default. Options that a task cannot do without are checked when it runs. */
export function optional<Name extends string>(name: Name, description: string) {
  return { name, description, type: ArgumentType.STRING_WITHOUT_DEFAULT, defaultValue: undefined } as const;
}

/** A positional number without fraction, such as the id of a job. */
export function number<Name extends string>(name: Name, description: string) {
  return { name, description, type: ArgumentType.BIGINT } as const;
}

/** Imports an action when its task runs. */
export function lazy<Actions, Name extends keyof Actions>(load: () => Promise<Actions>, name: Name) {
  return async () => ({ default: (await load())[name] });
}
