import { amount, lazy, marketTask, optional, text, token } from "./support/define.js";

const actions = () => import("./actions/dev.js");

/** For chains on one's own machine. */
export const devTasks = [
  marketTask("dev:mint", "mints development tokens")
    .addPositionalArgument(amount)
    .addOption(token)
    .addOption(optional("to", "account that gets them; by default yours"))
    .setAction(lazy(actions, "mint"))
    .build(),
  marketTask("dev:advance", "moves the clock of a development chain on and mines a few blocks")
    .addPositionalArgument(text("seconds", "how far"))
    .setAction(lazy(actions, "advance"))
    .build(),
];
