import { dispute, fromBlock, job, lazy, marketTask, optional } from "./support/define.js";

const actions = () => import("./actions/dispute.js");

export const disputeTasks = [
  marketTask(
    "dispute:challenge",
    "challenges a delivered result; the bond comes out of your stake tokens in the escrow",
  )
    .addPositionalArgument(job)
    .addOption(fromBlock)
    .setAction(lazy(actions, "challenge"))
    .build(),
  marketTask("dispute:equivocation", "convicts a provider that signed another result than it delivered; takes no bond")
    .addPositionalArgument(job)
    .addOption(optional("signed", "commitment of the other result, as 0x…"))
    .addOption(optional("signature", "its provider's signature, as 0x…"))
    .addOption(fromBlock)
    .setAction(lazy(actions, "equivocation"))
    .build(),
  marketTask("dispute:show", "shows a case, and where its money went once it is resolved")
    .addPositionalArgument(dispute)
    .addOption(fromBlock)
    .setAction(lazy(actions, "show"))
    .build(),
  marketTask("dispute:explain", "explains a case: deadlines, demands and answers, and what convicted, value by value")
    .addPositionalArgument(dispute)
    .addOption(fromBlock)
    .setAction(lazy(() => import("./actions/explain.js"), "explain"))
    .build(),
  marketTask("dispute:list", "lists all cases").addOption(fromBlock).setAction(lazy(actions, "list")).build(),
  marketTask("dispute:resolve", "carries out the ruling of a case; anyone may")
    .addPositionalArgument(dispute)
    .addOption(fromBlock)
    .setAction(lazy(actions, "resolve"))
    .build(),
];
