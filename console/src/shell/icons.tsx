import type { JSX } from "solid-js";
import type { PageName } from "./route.ts";

function Icon(props: { readonly children: JSX.Element }): JSX.Element {
  return (
    <svg
      class="icon"
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      stroke-width="1.7"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      {props.children}
    </svg>
  );
}

export function Logo(): JSX.Element {
  return (
    <svg viewBox="0 0 32 32" aria-hidden="true" class="logo">
      <path d="M16 7 8 22h16z" fill="none" stroke="currentColor" stroke-opacity="0.45" stroke-width="1.8" />
      <circle cx="16" cy="7.5" r="4.6" fill="#f2b33d" />
      <circle cx="8" cy="22.5" r="3.8" fill="#2fa392" />
      <circle cx="24" cy="22.5" r="3.8" fill="#2fa392" />
    </svg>
  );
}

const drawings: Record<PageName | "tour" | "light" | "dark", () => JSX.Element> = {
  cluster: () => (
    <Icon>
      <circle cx="12" cy="5.5" r="2.5" />
      <circle cx="5" cy="18" r="2.5" />
      <circle cx="19" cy="18" r="2.5" />
      <path d="M10.8 7.8 6.3 15.7M13.2 7.8l4.5 7.9M7.5 18h9" />
    </Icon>
  ),
  lab: () => (
    <Icon>
      <path d="M4 5h16M4 12h16M4 19h16M7 5l5 7M12 12l4 7M9 19l6-14" />
    </Icon>
  ),
  history: () => (
    <Icon>
      <path d="M3 6h8M9 12h10M5 18h7M15 18h6" stroke-width="3" />
    </Icon>
  ),
  design: () => (
    <Icon>
      <path d="M4 19c4 0 5-11 9-11s4 6 7 6M4 4v16h16" />
    </Icon>
  ),
  tour: () => (
    <Icon>
      <circle cx="12" cy="12" r="9" />
      <path d="M9.5 9.5a2.5 2.5 0 1 1 3.6 2.2c-.8.4-1.1 1-1.1 1.8M12 16.8v.1" />
    </Icon>
  ),
  light: () => (
    <Icon>
      <circle cx="12" cy="12" r="4" />
      <path d="M12 3v2M12 19v2M3 12h2M19 12h2M5.6 5.6 7 7M17 17l1.4 1.4M18.4 5.6 17 7M7 17l-1.4 1.4" />
    </Icon>
  ),
  dark: () => (
    <Icon>
      <path d="M20 14.5A8.5 8.5 0 1 1 9.5 4a7 7 0 0 0 10.5 10.5z" />
    </Icon>
  ),
};

export function Drawing(props: { readonly of: keyof typeof drawings }): JSX.Element {
  return <>{drawings[props.of]()}</>;
}
