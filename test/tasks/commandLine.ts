import { copyFileSync, readFileSync } from "node:fs";
import path from "node:path";

import { expect } from "chai";
import { tasks as allTasks } from "hardhat";

import { tasks } from "../../tasks/index.js";
import type { Chain } from "./support.js";
import { commandLine, json, startChain } from "./support.js";

describe("The tasks on the command line", function () {
  this.timeout(60_000);
  let chain: Chain;
  before(async () => {
    chain = await startChain();
  });
  after(() => chain.stop());

  it("find the addresses where Ignition left them, and print one JSON object and nothing else", async () => {
    const { code, stdout } = await commandLine(chain, "market:status", "--json");
    expect(code).to.equal(0);
    expect(stdout.trimEnd().split("\n").length).to.equal(1);
    expect(JSON.parse(stdout)).to.deep.include({ network: "localhost", paused: false, jobs: 0 });
  });

  it("print people key and value", async () => {
    const { code, stdout } = await commandLine(chain, "stake:show", "--account", "3");
    expect(code).to.equal(0);
    expect(stdout).to.match(/^bonded +0\.0 ASSAY$/m);
  });

  it("send transactions of the account that is chosen, with the addresses of a file that is named", async () => {
    const file = path.join(chain.folder, "addresses.json");
    copyFileSync(path.join(chain.records, "deployed_addresses.json"), file);
    const words = ["dev:mint", "1.5", "--token", "pay", "--account", "4", "--deployment", file, "--json"];
    expect((await commandLine(chain, ...words)).code).to.equal(0);
    const { balances } = await json("escrow:show", { token: "pay", account: 4 });
    expect(balances).to.have.nested.property("[0].wallet", "1.5");
  });

  it("end with an error code and one line on stderr, without a stack, when they refuse", async () => {
    const { code, stdout, stderr } = await commandLine(chain, "model:show", "7", "--json");
    expect(code).to.equal(1);
    expect(stdout).to.equal("");
    const [first] = stderr.split("\n");
    expect(first).to.contain("ModelRegistry_UnknownModel(modelId 7): see model:list");
    expect(stderr).not.to.match(/^\s+at /m);
  });

  it("say what each task takes", async () => {
    const { code, stdout } = await commandLine(chain, "job:request", "--help");
    expect(code).to.equal(0);
    expect(stdout).to.contain("buys one inference of a model from a provider");
    expect(stdout).to.match(/--max-price +in whole tokens; by default what the offer asks now/);
  });

  it("are all in the documentation", () => {
    const text = readFileSync(path.join(import.meta.dirname, "../../docs/TASKS.md"), "utf8");
    for (const { id } of tasks) expect(text).to.contain(`\`${id.join(" ")}`);
  });

  it("describe every task, option and argument", () => {
    expect(tasks.length).to.be.greaterThan(40);
    for (const { id } of tasks) {
      const task = allTasks.getTask(id);
      const parts = [...task.options.values(), ...task.positionalArguments];
      expect(task.description, id.join(" ")).not.to.equal("");
      for (const { name, description } of parts) expect(description, `${id.join(" ")} ${name}`).not.to.equal("");
      expect(task.options.has("json"), `${id.join(" ")} --json`).to.equal(true);
    }
  });
});
