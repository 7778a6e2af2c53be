import type { Operation } from "../../history/index.ts";
import type { Model } from "../model.ts";
import { unknownOperation, wholeNumberOf, wrongShape } from "./shape.ts";

interface LockState {
  readonly held: boolean;
  /** The highest fencing token given out. */
  readonly token: number;
}

const tokenOf = (operation: Operation): number | undefined =>
  operation.outcome === "ok" ? wholeNumberOf(operation.output) : undefined;

/** A lock. `acquire` may answer a fencing token, which must be higher than every token before. */
export function mutexModel(): Model<LockState> {
  const takesToken = (operation: Operation): boolean => operation.f === "acquire" && tokenOf(operation) !== undefined;
  return {
    name: "mutex",
    initial: { held: false, token: -Infinity },
    validate(operation) {
      if (operation.f !== "acquire" && operation.f !== "release")
        throw unknownOperation(operation, "mutex", "acquire or release");
      if (
        operation.f === "acquire" &&
        operation.outcome === "ok" &&
        operation.output !== null &&
        tokenOf(operation) === undefined
      ) {
        throw wrongShape(operation, operation.output, "a fencing token (a whole number) or null", true);
      }
    },
    step(state, operation) {
      if (operation.f === "release") return state.held ? { ...state, held: false } : undefined;
      if (state.held) return undefined;
      const token = tokenOf(operation);
      if (token === undefined) return { ...state, held: true };
      return token > state.token ? { held: true, token } : undefined;
    },
    identity: (state) => `${state.held ? 1 : 0} ${state.token}`,
    size: () => 40,
    isPure: () => false,
    observes: takesToken,
    show: (state) => `${state.held ? "held" : "free"}${state.token === -Infinity ? "" : `, last token ${state.token}`}`,
    subjects: () => undefined,
  };
}
