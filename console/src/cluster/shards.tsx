/** Groups and their leaders as a picture: a row for each shard, a column for each node. */
import { createMemo, For, Index, Show, type JSX } from "solid-js";
import type { Tick } from "./feed.ts";
import { shardsOf, type ShardPicture, type ShardRole } from "./model.ts";

const words: Record<ShardRole, string> = {
  leader: "leads",
  follower: "follows",
  candidate: "stands for election",
  learner: "learns",
  silent: "does not answer",
};
const signs: Record<ShardRole, string> = { leader: "♛", follower: "●", candidate: "?", learner: "○", silent: "✕" };

/** Nothing where there is one group: the picture of the cluster is its picture. */
export function Shards(props: { readonly tick: Tick }): JSX.Element {
  const shards = createMemo(() => shardsOf(props.tick));
  const nodes = createMemo(() => props.tick.nodes.map(({ nodeId }) => nodeId));
  const led = (node: number): number => shards().filter(({ leader }) => leader === node).length;
  const headless = (): number => shards().filter(({ leader }) => leader === undefined).length;
  return (
    <Show when={shards().length > 1}>
      <section class="card wide" aria-labelledby="shards-title" data-tour="shards">
        <header>
          <h2 id="shards-title">Shards</h2>
          <span class="soft small">{shards().length} groups, each with a log and a leader of its own</span>
          <span class="push" />
          <span class={`chip ${headless() === 0 ? "good" : "bad"}`}>
            {headless() === 0 ? "every shard has a leader" : `${headless()} without a leader`}
          </span>
        </header>
        <div class="shards-scroll" tabindex="0" role="group" aria-label="Shards by node; it scrolls">
          <table class="shards">
            <thead>
              <tr>
                <th scope="col">shard</th>
                <For each={nodes()}>
                  {(node) => (
                    <th scope="col">
                      node {node} <span class="soft">leads {led(node)}</span>
                    </th>
                  )}
                </For>
                <th scope="col">term</th>
                <th scope="col">committed</th>
              </tr>
            </thead>
            <tbody>
              <Index each={shards()}>
                {(shard) => (
                  <tr>
                    <th scope="row">{shard().group}</th>
                    <Index each={nodes()}>{(node) => <Cell shard={shard()} node={node()} />}</Index>
                    <td class="mono">{shard().term}</td>
                    <td class="mono">{shard().commitIndex.toLocaleString("en")}</td>
                  </tr>
                )}
              </Index>
            </tbody>
          </table>
        </div>
      </section>
    </Show>
  );
}

function Cell(props: { readonly shard: ShardPicture; readonly node: number }): JSX.Element {
  const member = () => props.shard.members.get(props.node);
  return (
    <Show when={member()} fallback={<td class="soft">–</td>}>
      {(known) => (
        <td class={known().role} data-role={known().role}>
          <span aria-hidden="true">{signs[known().role]}</span> {words[known().role]}
          {known().lag > 0 ? `, ${known().lag} behind` : ""}
        </td>
      )}
    </Show>
  );
}
