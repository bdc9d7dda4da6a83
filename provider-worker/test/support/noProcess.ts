import type { TestContext } from "node:test";

/** Until the test is over no process can be started, as where the system has no room for one. */
export function allowNoProcess(test: TestContext): void {
  const { execPath } = process;
  process.execPath = "/nowhere/node";
  test.after(() => {
    process.execPath = execPath;
  });
}
