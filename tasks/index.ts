import type { NewTaskDefinition } from "hardhat/types/tasks";

import { auditTasks } from "./audit.js";
import { courtTasks } from "./court.js";
import { devTasks } from "./dev.js";
import { disputeTasks } from "./dispute.js";
import { escrowTasks } from "./escrow.js";
import { jobTasks } from "./job.js";
import { juryTasks } from "./jury.js";
import { marketTasks } from "./market.js";
import { modelTasks } from "./model.js";
import { prepareTasks } from "./prepare.js";
import { providerTasks } from "./provider.js";
import { stakeTasks } from "./stake.js";

export const tasks: NewTaskDefinition[] = [
  ...modelTasks,
  ...prepareTasks,
  ...providerTasks,
  ...stakeTasks,
  ...escrowTasks,
  ...jobTasks,
  ...disputeTasks,
  ...courtTasks,
  ...juryTasks,
  ...auditTasks,
  ...marketTasks,
  ...devTasks,
];
