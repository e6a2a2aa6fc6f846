// Every command of the command line, in the order in which --help lists them.
import { ApplyCommand } from "./apply.ts";
import { CheckCommand } from "./check.ts";
import { DestroyCommand } from "./destroy.ts";
import { DevCommand } from "./dev.ts";
import { HistoryCommand } from "./history.ts";
import { InitCommand } from "./init.ts";
import { RollbackCommand } from "./rollback.ts";
import { StatusCommand } from "./status.ts";

export const commands = [
  InitCommand,
  CheckCommand,
  ApplyCommand,
  StatusCommand,
  RollbackCommand,
  HistoryCommand,
  DevCommand,
  DestroyCommand,
];
