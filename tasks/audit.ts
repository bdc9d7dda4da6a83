import { amount, fromBlock, job, lazy, marketTask, model, optional, text } from "./support/define.js";

const actions = () => import("./actions/audit.js");
const auditor = optional("auditor", "the provider that audits, if you are its operator; by default you");
const traceRoot = optional("traceRoot", "root over all tensors of your run");
const output = optional("output", "commitment of the output that you found; by default the one submitted");
const salt = optional("salt", "32 bytes that nobody else knows, the same for commitment and reveal");

export const auditTasks = [
  marketTask(
    "audit:quote",
    "says which stake a job of a model needs so that honesty pays, with and without an audit booked",
  )
    .addPositionalArgument(model)
    .addOption(optional("gain", "what a wrong answer is worth to whoever gives it; by default 0"))
    .addOption(optional("fee", "price of the job, in the same token"))
    .addOption(optional("cost", "what the honest computation costs"))
    .addOption(optional("cheatCost", "what cheating costs; by default 0"))
    .addOption(optional("honest", "percent of auditors that are honest and there in time; by default 90"))
    .addOption(optional("stake", "also says which audit rate a job with this stake needs"))
    .setAction(lazy(actions, "quote"))
    .build(),
  marketTask("audit:fund", "pays for audits of a model out of your escrow balance; anyone may")
    .addPositionalArgument(model)
    .addPositionalArgument(amount)
    .setAction(lazy(actions, "fund"))
    .build(),
  marketTask("audit:book", "has one job audited for certain, paid out of your escrow balance; anyone may")
    .addPositionalArgument(job)
    .addOption(fromBlock)
    .setAction(lazy(actions, "book"))
    .build(),
  marketTask("audit:refund", "gives back what was booked for an audit that nobody took; anyone may")
    .addPositionalArgument(job)
    .setAction(lazy(actions, "refund"))
    .build(),
  marketTask("audit:enrol", "locks stake for tickets, with which a provider of the model is drawn to audit it")
    .addPositionalArgument(model)
    .addPositionalArgument(text("tickets", "how many more, up to 8 in all"))
    .addOption(auditor)
    .setAction(lazy(actions, "enrol"))
    .build(),
  marketTask("audit:leave", "gives back the tickets that no open audit needs")
    .addPositionalArgument(model)
    .addOption(auditor)
    .setAction(lazy(actions, "leave"))
    .build(),
  marketTask(
    "audit:seed",
    "asks for the seed of the jobs submitted since the last, or records it once it is known; anyone may",
  )
    .setAction(lazy(actions, "seed"))
    .build(),
  marketTask("audit:status", "shows whether a job is drawn, whose turn it is, and how its audit goes")
    .addPositionalArgument(job)
    .addOption(auditor)
    .addOption(fromBlock)
    .setAction(lazy(actions, "status"))
    .build(),
  marketTask("audit:commit", "takes a drawn or booked job: binds you to what you found")
    .addPositionalArgument(job)
    .addOption(traceRoot)
    .addOption(output)
    .addOption(salt)
    .addOption(auditor)
    .addOption(fromBlock)
    .setAction(lazy(actions, "commit"))
    .build(),
  marketTask("audit:answer", "shows the root of your trace in an audit of your job: it binds you")
    .addPositionalArgument(job)
    .addOption(traceRoot)
    .setAction(lazy(actions, "answer"))
    .build(),
  marketTask("audit:reveal", "opens your commitment, once the provider answered or its time is up")
    .addPositionalArgument(job)
    .addOption(traceRoot)
    .addOption(output)
    .addOption(salt)
    .setAction(lazy(actions, "reveal"))
    .build(),
  marketTask("audit:close", "ends an audit and pays who earned it; anyone may")
    .addPositionalArgument(job)
    .setAction(lazy(actions, "close"))
    .build(),
  marketTask(
    "audit:set-rate",
    "sets the share of jobs that are audited; first schedules, and once its delay is over carries out",
  )
    .addPositionalArgument(text("percent", "of the jobs of funded models, such as 5; at most 50"))
    .addFlag({ name: "cancel", description: "take the scheduled change back instead" })
    .setAction(lazy(actions, "setRate"))
    .build(),
];
