import type { Operation, Scalar } from "../history/index.ts";

/** How a register-like operation touches its register, for algorithms that know registers. */
export type RegisterAccess =
  | { readonly kind: "read"; readonly value: Scalar }
  | { readonly kind: "write"; readonly value: Scalar }
  | { readonly kind: "cas"; readonly from: Scalar; readonly to: Scalar };

/** What an object does when operations come one after another: the specification a history is held against. */
export interface Model<State> {
  readonly name: string;
  readonly initial: State;
  /** Throws a HistoryError where the operation is none of this model, or its values have another shape. */
  validate(operation: Operation): void;
  /**
   * The state after the operation; undefined where it cannot answer what it did. An operation of unknown
   * outcome has no result to compare. A pure operation returns the state itself.
   */
  step(state: State, operation: Operation): State | undefined;
  /** Equal for states that behave alike, and only for them. */
  identity(state: State): Scalar;
  /** About how many bytes a state takes. */
  size(state: State): number;
  /** It never changes the state. */
  isPure(operation: Operation): boolean;
  /** Its result says something about the state. */
  observes(operation: Operation): boolean;
  show(state: State): string;
  /**
   * What the operation is about, such that from a legal sequence all operations about one thing can be taken
   * away and the rest stays legal. Undefined: it can be taken away only if pure.
   */
  subjects(operation: Operation): readonly Scalar[] | undefined;
  /**
   * Optional: whether, after nothing but operations for which `resets` is false, the state may still come to
   * where the pure operation's result is right. Prunes orders that a later read rules out.
   */
  readonly lookahead?: {
    mayReach(state: State, operation: Operation): boolean;
    resets(operation: Operation): boolean;
  };
  /** Optional: the whole state, where a pure operation's result tells it. */
  readonly reveals?: (operation: Operation) => State | undefined;
  /** Optional: the operation as an access to a register; undefined where it is more than that. */
  readonly access?: (operation: Operation) => RegisterAccess | undefined;
}
