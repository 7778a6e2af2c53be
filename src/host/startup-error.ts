/** Why a node cannot start. The message says what is wrong, `advice` what to do about it. */
export class StartupError extends Error {
  override readonly name = "StartupError";
  readonly code: StartupErrorCode;
  readonly advice: string;

  constructor(code: StartupErrorCode, detail: string, advice: string, options?: ErrorOptions) {
    super(`${detail}. ${advice}`, options);
    this.code = code;
    this.advice = advice;
  }
}

export type StartupErrorCode =
  | "bad-configuration"
  | "address-in-use"
  | "address-refused"
  | "data-directory-in-use"
  | "data-directory-unusable"
  | "newer-format"
  | "wrong-identity"
  | "damaged";
