import { amount, lazy, marketTask, optional } from "./support/define.js";

const actions = () => import("./actions/stake.js");

export const stakeTasks = [
  marketTask("stake:deposit", "bonds stake, which backs the provider's results")
    .addPositionalArgument(amount)
    .addOption(optional("provider", "whose stake it becomes; by default yours"))
    .setAction(lazy(actions, "deposit"))
    .build(),
  marketTask("stake:unbond", "starts to unbond your stake; it can be slashed until it is out")
    .addPositionalArgument(amount)
    .setAction(lazy(actions, "unbond"))
    .build(),
  marketTask("stake:withdraw", "pays out all of your stake whose unbonding period is over")
    .addOption(optional("to", "account that gets it; by default yours"))
    .setAction(lazy(actions, "withdraw"))
    .build(),
  marketTask("stake:show", "shows bonded, locked, free and unbonding stake")
    .addOption(optional("provider", "whose; by default yours"))
    .setAction(lazy(actions, "show"))
    .build(),
];
