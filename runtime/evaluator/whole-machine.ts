// The machine with all that it has.
import { machineText } from "../../build/machine.ts";
import { CarriedMachine } from "./carried.ts";

export const wholeMachine = new CarriedMachine(machineText);
