import type { Interface } from "ethers";

import { UserError } from "./errors.js";
import { readEvents } from "./events.js";
import type { Fields } from "./report.js";
import { moment, seconds } from "./report.js";
import type { Session } from "./session.js";

/** Roles of the AccessManager, as `RoleSetup` gives them out. */
export const ROLES = ["admin", "parameters", "guardian"];
/** Contracts with parameters that roles change. */
const RESTRICTED = ["market", "valueCaps", "audits"] as const;
type Restricted = (typeof RESTRICTED)[number];

/**
 * Brings a restricted call on its way: carries it out if the caller may at once or its delay is over,
 * schedules it if it has to wait. Running the task again is therefore how a scheduled change is carried out.
 */
export async function change(
  session: Session,
  method: string,
  values: readonly unknown[],
  cancel: boolean,
  contract: Restricted = "market",
): Promise<Fields> {
  const { authority } = session.contracts;
  const target = session.deployment[contract];
  const abi: Interface = session.contracts[contract].interface;
  const data = abi.encodeFunctionData(method, values);
  const name = `${method}(${values.map(String).join(", ")})`;
  const caller = await session.signer.getAddress();
  const id = await authority.hashOperation(caller, target, data);
  const readyAt = await authority.getSchedule(id);
  if (cancel) {
    if (readyAt === 0n) throw new UserError(`${name} is not scheduled by ${caller}: there is nothing to cancel`);
    const receipt = await session.send(() => authority.cancel(caller, target, data));
    return { change: name, state: "cancelled", transaction: receipt.hash };
  }
  const { immediate, delay } = await authority.canCall(caller, target, data.slice(0, 10));
  if (!immediate && delay === 0n) {
    throw new UserError(
      `${caller} may not call ${name}: choose a holder of the role with --account, see market:status`,
    );
  }
  if (!immediate && readyAt === 0n) {
    const receipt = await session.send(() => authority.schedule(target, data, 0n));
    return {
      change: name,
      state: "scheduled",
      readyAt: moment(await authority.getSchedule(id)),
      transaction: receipt.hash,
    };
  }
  if (!immediate && (await session.now()) < readyAt) {
    throw new UserError(`${name} is scheduled and ready at ${moment(readyAt).text}: run the task again then`);
  }
  const receipt = await session.send(() => session.signer.sendTransaction({ to: target, data }));
  return { change: name, state: "carried out", transaction: receipt.hash };
}

/** Changes that are scheduled and neither carried out, cancelled nor lapsed. */
export async function pendingChanges(session: Session, fromBlock: number): Promise<Fields[]> {
  const { authority } = session.contracts;
  const events = await readEvents(authority, authority.filters.OperationScheduled(), fromBlock);
  const rows = events.map(async ({ args }) => {
    const readyAt = await authority.getSchedule(args.operationId);
    // An operation that was scheduled anew has the same id and a later nonce.
    if (readyAt === 0n || (await authority.getNonce(args.operationId)) !== args.nonce) return [];
    const contract = RESTRICTED.find((name) => session.deployment[name] === args.target);
    const call = contract ? (session.contracts[contract].interface as Interface).parseTransaction(args) : null;
    const shown = call ? `${call.name}(${call.args.map(String).join(", ")})` : `${args.target} ${args.data}`;
    return [{ change: shown, by: args.caller, readyAt: moment(readyAt) }];
  });
  return (await Promise.all(rows)).flat();
}

/** Who holds which role now. */
export async function roleHolders(session: Session, fromBlock: number): Promise<Fields[]> {
  const { authority } = session.contracts;
  const events = await readEvents(authority, authority.filters.RoleGranted(), fromBlock);
  const granted = new Map(events.map(({ args: { roleId, account } }) => [`${roleId} ${account}`, { roleId, account }]));
  const rows = [...granted.values()].map(async ({ roleId, account }) => {
    const { isMember, executionDelay } = await authority.hasRole(roleId, account);
    const role = ROLES[Number(roleId)] ?? roleId.toString();
    return isMember ? [{ role, account, delay: seconds(executionDelay) }] : [];
  });
  return (await Promise.all(rows)).flat();
}
