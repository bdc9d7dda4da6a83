import { amount, fromBlock, lazy, marketTask, text } from "./support/define.js";

const actions = () => import("./actions/market.js");
const cancel = { name: "cancel", description: "take the scheduled change back instead" } as const;
const TWICE = "; first schedules, and once its delay is over carries out";

export const marketTasks = [
  marketTask("market:status", "shows parameters, counts, juries, holdings, roles, scheduled changes and addresses")
    .addOption(fromBlock)
    .setAction(lazy(actions, "status"))
    .build(),
  marketTask("market:pause", "stops new jobs and nothing else, at once; guardian")
    .setAction(lazy(actions, "pause"))
    .build(),
  marketTask("market:unpause", `allows new jobs again${TWICE}`)
    .addFlag(cancel)
    .setAction(lazy(actions, "unpause"))
    .build(),
  marketTask("market:set-fee", `sets the protocol fee of new jobs${TWICE}`)
    .addPositionalArgument(text("percent", "of each price, such as 2.5; at most 5"))
    .addFlag(cancel)
    .setAction(lazy(actions, "setFee"))
    .build(),
  marketTask("market:set-window", `sets the challenge window of new jobs${TWICE}`)
    .addPositionalArgument(text("seconds", "60 to 604800"))
    .addFlag(cancel)
    .setAction(lazy(actions, "setWindow"))
    .build(),
  marketTask("market:set-min-stake", `sets the least stake behind new jobs${TWICE}`)
    .addPositionalArgument(amount)
    .addFlag(cancel)
    .setAction(lazy(actions, "setMinStake"))
    .build(),
  marketTask("market:set-cap", `sets the most that a job may cost whose result is not proven exactly${TWICE}`)
    .addPositionalArgument(text("profile", "Tolerance or Jury: results of the others are proven exactly"))
    .addPositionalArgument(text("token", "address of the token, stake or pay"))
    .addPositionalArgument(amount)
    .addFlag(cancel)
    .setAction(lazy(actions, "setCap"))
    .build(),
  marketTask("market:set-treasury", `sets the account that fees are credited to${TWICE}`)
    .addPositionalArgument(text("treasury", "address of the account"))
    .addFlag(cancel)
    .setAction(lazy(actions, "setTreasury"))
    .build(),
];
