import { dispute, fromBlock, lazy, marketTask, model, optional } from "./support/define.js";

const actions = () => import("./actions/jury.js");
const juror = optional("juror", "the provider that is to be a juror, if you are its operator; by default you");

export const juryTasks = [
  marketTask("jury:enrol", "lets a provider of the model be drawn as a juror")
    .addPositionalArgument(model)
    .addOption(juror)
    .setAction(lazy(actions, "enrol"))
    .build(),
  marketTask("jury:leave", "leaves the pool; seats drawn before stay")
    .addPositionalArgument(model)
    .addOption(juror)
    .setAction(lazy(actions, "leave"))
    .build(),
  marketTask("jury:pool", "lists who may be drawn for a model")
    .addPositionalArgument(model)
    .setAction(lazy(actions, "pool"))
    .build(),
  marketTask("jury:show", "shows phase, deadlines, seats and votes of a case")
    .addPositionalArgument(dispute)
    .setAction(lazy(actions, "show"))
    .build(),
  marketTask("jury:draw", "draws the jury of a case, or asks for a new seed if the last was missed; anyone may")
    .addPositionalArgument(dispute)
    .addOption(fromBlock)
    .setAction(lazy(actions, "draw"))
    .build(),
  marketTask("jury:close", "counts the votes of a case; anyone may")
    .addPositionalArgument(dispute)
    .setAction(lazy(actions, "close"))
    .build(),
  marketTask("jury:pay", "shares reward and penalties of a resolved case among its jurors; anyone may")
    .addPositionalArgument(dispute)
    .setAction(lazy(actions, "pay"))
    .build(),
];
