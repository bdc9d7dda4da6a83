import { fromBlock, job, lazy, marketTask, model, optional, token } from "./support/define.js";

const actions = () => import("./actions/job.js");
const input = optional("input", "safetensors file with the model's inputs, by their names");
const save = optional("save", "file to write the output to, as safetensors");

export const jobTasks = [
  marketTask("job:request", "buys one inference of a model from a provider")
    .addPositionalArgument(model)
    .addOption(optional("provider", "who is to run it: see provider:list --model"))
    .addOption(token)
    .addOption(input)
    .addOption(optional("inputUri", "where the provider fetches the input; by default it is uploaded to the provider"))
    .addOption(optional("maxPrice", "in whole tokens; by default what the offer asks now"))
    .addOption(optional("minStake", "least stake behind the result, in whole stake tokens"))
    .addOption(optional("within", "latest deadline to accept, in seconds from now; by default the offer's and 600"))
    .addFlag({ name: "wait", description: "wait for the result, download and check it" })
    .addOption({ name: "timeout", defaultValue: "600", description: "seconds to wait for the result" })
    .addOption(save)
    .setAction(lazy(actions, "request"))
    .build(),
  marketTask("job:pack", "writes inputs the way workers read them, for --input-uri of job:request")
    .addPositionalArgument(model)
    .addOption(input)
    .addOption(optional("save", "file to write"))
    .setAction(lazy(actions, "pack"))
    .build(),
  marketTask("job:show", "shows terms, status, deadlines and output of a job")
    .addPositionalArgument(job)
    .addOption(fromBlock)
    .setAction(lazy(actions, "show"))
    .build(),
  marketTask("job:list", "lists jobs")
    .addOption(optional("client", "of this client only"))
    .addOption(optional("provider", "of this provider only"))
    .addOption(optional("status", "Requested, Expired, Submitted, Finalisable, Disputed or Settled"))
    .addOption(fromBlock)
    .setAction(lazy(actions, "list"))
    .build(),
  marketTask("job:result", "downloads the output of a job and checks it against its commitment")
    .addPositionalArgument(job)
    .addOption(save)
    .addOption(fromBlock)
    .setAction(lazy(actions, "result"))
    .build(),
  marketTask("job:finalise", "pays a job whose challenge window is over; anyone may")
    .addPositionalArgument(job)
    .addOption(fromBlock)
    .setAction(lazy(actions, "finalise"))
    .build(),
  marketTask("job:expire", "refunds a job that was not delivered in time; anyone may")
    .addPositionalArgument(job)
    .addOption(fromBlock)
    .setAction(lazy(actions, "expire"))
    .build(),
  marketTask("job:decline", "gives a job back undone, which refunds the client; its provider or operator")
    .addPositionalArgument(job)
    .addOption(fromBlock)
    .setAction(lazy(actions, "decline"))
    .build(),
  marketTask("job:collect", "splits the earnings of the job's provider from this model, token and fee; anyone may")
    .addPositionalArgument(job)
    .addOption(fromBlock)
    .setAction(lazy(actions, "collect"))
    .build(),
];
