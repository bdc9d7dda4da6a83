import type { NewTaskDefinition } from "hardhat/types/tasks";

import { modelTasks } from "./model.js";

export const tasks: NewTaskDefinition[] = [...modelTasks];
