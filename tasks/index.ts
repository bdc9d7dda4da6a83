import type { NewTaskDefinition } from "hardhat/types/tasks";

import { escrowTasks } from "./escrow.js";
import { modelTasks } from "./model.js";
import { providerTasks } from "./provider.js";
import { stakeTasks } from "./stake.js";

export const tasks: NewTaskDefinition[] = [...modelTasks, ...providerTasks, ...stakeTasks, ...escrowTasks];
