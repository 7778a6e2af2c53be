/** What a supervisor and its node processes tell each other, over Node's own channel between parent and child. */
import type { FaultRequest, InjectedFault } from "../api/index.ts";
import type { NodeId } from "../base/index.ts";
import type { Failure } from "../contract/index.ts";
import type { LinkFault } from "../host/index.ts";

export type ToSupervisor =
  /** The data is recovered and the ports are open. */
  | { readonly type: "recovered" }
  /** `/readyz` says yes. */
  | { readonly type: "ready" }
  | { readonly type: "leadership"; readonly leader: NodeId | undefined; readonly term: number }
  /** The node cannot run, and says why. `permanent`: a restart would fail the same way. */
  | {
      readonly type: "failed";
      readonly detail: string;
      readonly advice: string | undefined;
      readonly permanent: boolean;
    }
  | { readonly type: "fault"; readonly id: number; readonly request: FaultRequest };

export type ToNode =
  /** All that the links suffer from now on. */
  | { readonly type: "links"; readonly faults: readonly LinkFault[] }
  | {
      readonly type: "faultDone";
      readonly id: number;
      readonly outcome: InjectedFault | { readonly failure: Failure };
    }
  | { readonly type: "stop" };
