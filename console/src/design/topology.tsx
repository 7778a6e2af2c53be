/** A topology as boxes within boxes; a node is chosen to lead. */
import { For, Show, type JSX } from "solid-js";
import type { Domain } from "../../../src/model/index.ts";
import type { Topology } from "./messages.ts";

export function TopologyPicture(props: {
  readonly topology: Topology;
  readonly onLead?: (node: string) => void;
}): JSX.Element {
  return (
    <div class="domains">
      <For each={props.topology.domains}>
        {(domain) => <Box domain={domain} topology={props.topology} onLead={props.onLead} />}
      </For>
    </div>
  );
}

function Box(props: {
  readonly domain: Domain;
  readonly topology: Topology;
  readonly onLead: ((node: string) => void) | undefined;
}): JSX.Element {
  const sites = () => props.topology.clients.filter(({ at }) => at === props.domain.name);
  const leads = (): boolean => props.topology.leader === props.domain.name;
  return (
    <Show
      when={props.domain.domains}
      fallback={
        <Show
          when={props.onLead}
          fallback={
            <span class="place" classList={{ leads: leads() }}>
              {leads() ? "♛ " : ""}
              {props.domain.name}
            </span>
          }
        >
          <button
            class="place"
            classList={{ leads: leads() }}
            type="button"
            aria-pressed={leads()}
            onClick={() => props.onLead?.(props.domain.name)}
          >
            {leads() ? "♛ " : ""}
            {props.domain.name}
            <span class="sr-only"> leads</span>
          </button>
        </Show>
      }
    >
      {(parts) => (
        <div class="domain">
          <span class="small soft">
            {props.domain.name.startsWith(props.domain.kind)
              ? props.domain.name
              : `${props.domain.kind} ${props.domain.name}`}
            <For each={sites()}>
              {({ name, share }) => (
                <strong class="site">
                  {" "}
                  ⇠ {name} {Math.round(share * 100)} %
                </strong>
              )}
            </For>
          </span>
          <div class="domains">
            <For each={parts()}>{(part) => <Box domain={part} topology={props.topology} onLead={props.onLead} />}</For>
          </div>
        </div>
      )}
    </Show>
  );
}
