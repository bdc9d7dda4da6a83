import { amount, fromBlock, lazy, marketTask, optional, text, token } from "./support/define.js";

const actions = () => import("./actions/escrow.js");

export const escrowTasks = [
  marketTask("escrow:deposit", "pays tokens into a balance that jobs and bonds are taken from")
    .addPositionalArgument(amount)
    .addOption(token)
    .addOption(optional("to", "whose balance; by default yours"))
    .setAction(lazy(actions, "deposit"))
    .build(),
  marketTask("escrow:withdraw", "sends out what you earned, were refunded or never spent")
    .addPositionalArgument(text("amount", "in whole tokens, such as 1.5, or all"))
    .addOption(token)
    .addOption(optional("to", "account that gets it; by default yours"))
    .setAction(lazy(actions, "withdraw"))
    .build(),
  marketTask("escrow:transfer", "moves part of your balance to another account's balance")
    .addPositionalArgument(amount)
    .addOption(token)
    .addOption(optional("to", "whose balance"))
    .setAction(lazy(actions, "transfer"))
    .build(),
  marketTask("escrow:allow-sweep", "lets anyone, such as your worker, push your balances to your account")
    .addFlag({ name: "off", description: "forbid it again" })
    .setAction(lazy(actions, "allowSweep"))
    .build(),
  marketTask("escrow:sweep", "pushes the whole balance of an account that allows it to that account")
    .addOption(token)
    .addOption(optional("of", "account; by default yours"))
    .setAction(lazy(actions, "sweep"))
    .build(),
  marketTask("escrow:show", "shows balances")
    .addOption(optional("of", "account; by default yours"))
    .addOption(token)
    .addOption(fromBlock)
    .setAction(lazy(actions, "show"))
    .build(),
];
