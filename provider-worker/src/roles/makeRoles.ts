import type { Wallet } from "ethers";

import { AuditDesk } from "../audits/office.js";
import type { WorkerSettings } from "../settings.js";
import { AnswerAudits } from "./answerAudits.js";
import { BuyTickets } from "./buyTickets.js";
import { CloseAudits } from "./closeAudits.js";
import { Defend } from "./defend.js";
import { Juror } from "./juror.js";
import { Prosecute } from "./prosecute.js";
import { RecordSeeds } from "./recordSeeds.js";
import { Resolve } from "./resolve.js";
import type { Role, RoleContext } from "./role.js";
import { Serve } from "./serve.js";
import { Settle } from "./settle.js";
import { SpotCheck } from "./spotCheck.js";
import { TakeAudits } from "./takeAudits.js";

/** What the settings want done, in the order in which it is looked at. */
export function makeRoles(context: RoleContext, settings: WorkerSettings, wallet: Wallet): Role[] {
  const { concurrency } = settings;
  const roles: Role[] = [];
  if (settings.roles.includes("serve")) {
    // What has to be shown in time comes first.
    roles.push(
      new Defend(context),
      new AnswerAudits(context),
      new Serve(context, concurrency, settings.limits.openResults),
    );
    roles.push(new Settle(context, settings.collectEverySeconds));
  }
  if (settings.roles.includes("juror")) roles.push(new Juror(context, settings.models));
  if (settings.roles.includes("audit")) {
    const desk = new AuditDesk(context.contracts, settings.provider);
    roles.push(new CloseAudits(context), new BuyTickets(context, desk, settings.audit), new RecordSeeds(context, desk));
    roles.push(new TakeAudits(context, desk, { chainId: BigInt(settings.chainId), concurrency }));
    // The operator's signature over a fixed text: secret, and the same after a restart.
    const secret = wallet.signingKey.sign(`0x${"61".repeat(32)}`).serialized;
    roles.push(new SpotCheck(context, { ...settings.audit, concurrency, secret }), new Prosecute(context));
  }
  roles.push(new Resolve(context, { everyCase: settings.roles.some((role) => role !== "serve") }));
  return roles;
}
