import type { Topology } from './topology.ts'

/** A subtopology: nodes that are connected by records or by a shared store. */
export interface NodeGroup {
  readonly id: number
  readonly nodes: ReadonlySet<string>
  /** Fills a global store; no task runs it. */
  readonly isGlobal: boolean
}

/** Ids are given in the order in which the groups' first nodes were added: as in Java, whose task ids they are part of. */
export function nodeGroups(topology: Topology): readonly NodeGroup[] {
  const parents = new Map<string, string>()
  const rootOf = (name: string): string => {
    let root = name
    for (let next; (next = parents.get(root)) !== undefined;) root = next
    return root
  }
  const unite = (left: string, right: string): void => {
    const [a, b] = [rootOf(left), rootOf(right)]
    if (a !== b) parents.set(b, a)
  }
  const firstWithStore = new Map<string, string>()
  for (const node of topology.nodes.values()) {
    if (node.kind !== 'source') for (const parent of node.parents) unite(parent, node.name)
    if (node.kind !== 'processor') continue
    for (const store of node.stores) {
      const first = firstWithStore.get(store)
      if (first === undefined) firstWithStore.set(store, node.name)
      else unite(first, node.name)
    }
  }
  const groups = new Map<string, { id: number; nodes: Set<string>; isGlobal: boolean }>()
  for (const node of topology.nodes.values()) {
    const root = rootOf(node.name)
    const group = groups.get(root) ?? { id: groups.size, nodes: new Set(), isGlobal: false }
    groups.set(root, group)
    group.nodes.add(node.name)
    if (node.kind === 'source' && node.isGlobal) group.isGlobal = true
  }
  return [...groups.values()]
}
