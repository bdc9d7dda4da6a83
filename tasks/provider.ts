import { fromBlock, lazy, marketTask, model, optional, text, token } from "./support/define.js";

const actions = () => import("./actions/provider.js");
const encryptionKey = "public key for encrypted inputs, as 0x…";
const capacity = "jobs the worker runs at a time, for clients to know";

export const providerTasks = [
  marketTask("provider:register", "registers your account as a provider")
    .addOption(optional("endpoint", "URL of the worker's content store"))
    .addOption(optional("operator", "the worker's key: delivers, and never moves money; by default your account"))
    .addOption(optional("payout", "account that earnings are credited to; by default yours"))
    .addOption({ name: "capacity", defaultValue: "1", description: capacity })
    .addOption({ name: "encryptionKey", defaultValue: "0x", description: encryptionKey })
    .setAction(lazy(actions, "register"))
    .build(),
  marketTask("provider:show", "shows a provider, its stake and its offers")
    .addOption(optional("provider", "which; by default you"))
    .addOption(fromBlock)
    .setAction(lazy(actions, "show"))
    .build(),
  marketTask("provider:list", "lists all providers, or what each asks for one model")
    .addOption(optional("model", "id of the model whose offers to list"))
    .addOption(fromBlock)
    .setAction(lazy(actions, "list"))
    .build(),
  marketTask("provider:offer", "offers inference of a model at a price, or changes the offer")
    .addPositionalArgument(model)
    .addOption(token)
    .addOption(optional("price", "of one inference, in whole tokens"))
    .addOption(optional("stake", "your stake locked behind each job, in whole stake tokens"))
    .addOption(optional("maxDuration", "seconds you may take for a job"))
    .setAction(lazy(actions, "offer"))
    .build(),
  marketTask("provider:remove-offer", "takes an offer back; jobs requested before go on")
    .addPositionalArgument(model)
    .addOption(token)
    .setAction(lazy(actions, "removeOffer"))
    .build(),
  marketTask("provider:close-offer", "closes anybody's offer whose price is above the cap as it is now")
    .addPositionalArgument(text("provider", "whose offer"))
    .addPositionalArgument(model)
    .addOption(token)
    .setAction(lazy(actions, "closeOffer"))
    .build(),
  marketTask("provider:operator", "replaces the worker's key")
    .addPositionalArgument(text("operator", "address of the new key"))
    .setAction(lazy(actions, "setOperator"))
    .build(),
  marketTask("provider:payout", "sends earnings to another account from here on")
    .addPositionalArgument(text("payout", "address of the account"))
    .setAction(lazy(actions, "setPayout"))
    .build(),
  marketTask("provider:endpoint", "changes how clients reach the provider; what is not given stays")
    .addPositionalArgument(text("endpoint", "URL of the worker's content store"))
    .addOption(optional("capacity", capacity))
    .addOption(optional("encryptionKey", encryptionKey))
    .setAction(lazy(actions, "setEndpoint"))
    .build(),
  marketTask("provider:fund", "sends ether for gas from your account to the worker's key")
    .addPositionalArgument(text("amount", "in ether, such as 0.5"))
    .setAction(lazy(actions, "fund"))
    .build(),
  marketTask("provider:drain", "stops taking new jobs, or resumes; the provider or its operator")
    .addOption(optional("provider", "which; by default you"))
    .addFlag({ name: "resume", description: "take jobs again" })
    .setAction(lazy(actions, "drain"))
    .build(),
];
