import { inHashOrder, InsertionTree } from './java-order.ts'
import type { NodeGroup } from './node-groups.ts'
import type { Topology, TopologyNode } from './topology.ts'

interface Described {
  readonly node: TopologyNode
  readonly predecessors: InsertionTree<Described>
  readonly successors: InsertionTree<Described>
  /** Nodes of the part below this one, itself included, each path counted: as Java counts it, for it orders by this. */
  size: number
}

/** The text of Java's `TopologyDescription`, byte for byte. */
export function describeTopology(topology: Topology): string {
  const groups = topology.subtopologies
  const parts = groups
    .filter((group) => !group.isGlobal)
    .map((group) => describeSubtopology(topology, group))
  const global = groups
    .filter((group) => group.isGlobal)
    .map((group) => describeGlobal(topology, group))
  // Java sorts both kinds together by id.
  const texts = [...parts, ...global].toSorted((left, right) => left.id - right.id)
  return `Topologies:\n ${texts.map(({ text }) => `  ${text}`).join('')}`
}

function describeSubtopology(topology: Topology, group: NodeGroup): { id: number; text: string } {
  const described = new Map<string, Described>()
  // Nodes are linked in this order, and where one is shown depends on what its size was when it was linked.
  for (const name of inHashOrder(group.nodes))
    described.set(name, {
      node: topology.nodes.get(name) as TopologyNode,
      predecessors: new InsertionTree(bySize),
      successors: new InsertionTree(bySize),
      size: 1,
    })
  for (const each of described.values()) {
    if (each.node.kind === 'source') continue
    for (const name of each.node.parents) {
      const parent = described.get(name) as Described
      each.predecessors.add(parent)
      parent.successors.add(each)
      grow(parent, each.size)
    }
  }
  const lines = [...described.values()]
    .toSorted(bySize)
    .map((each) => `    ${describeNode(each)}\n`)
  return { id: group.id, text: `Sub-topology: ${group.id}\n${lines.join('')}\n` }
}

function grow(each: Described, by: number): void {
  each.size += by
  for (const predecessor of each.predecessors) grow(predecessor, by)
}

function bySize(left: Described, right: Described): number {
  if (left.size !== right.size) return right.size - left.size
  return left.node.name < right.node.name ? -1 : 1
}

function describeNode({ node, predecessors, successors }: Described): string {
  const after = `\n      --> ${names(successors)}`
  const before = `\n      <-- ${names(predecessors)}`
  switch (node.kind) {
    case 'source':
      return `Source: ${node.name} (topics: ${node.pattern?.source ?? `[${hashed(node.topics)}]`})${after}`
    case 'processor':
      return `Processor: ${node.name} (stores: [${hashed(node.stores)}])${after}${before}`
    case 'sink':
      return typeof node.topic === 'string'
        ? `Sink: ${node.name} (topic: ${node.topic})${before}`
        : `Sink: ${node.name} (extractor class: ${node.topic.name || 'a function'})${before}`
  }
}

function names(nodes: InsertionTree<Described>): string {
  return [...nodes].map(({ node }) => node.name).join(', ') || 'none'
}

/** Sets of texts, copied from a set. */
function hashed(texts: Iterable<string>): string {
  return inHashOrder(inHashOrder(texts), true).join(', ')
}

function describeGlobal(topology: Topology, group: NodeGroup): { id: number; text: string } {
  const nodes = [...group.nodes].map((name) => topology.nodes.get(name) as TopologyNode)
  const source = nodes.find((node) => node.kind === 'source')
  const processor = nodes.find((node) => node.kind === 'processor')
  const store = [...(processor?.stores ?? [])][0]
  return {
    id: group.id,
    text:
      `Sub-topology: ${group.id} for global store (will not generate tasks)\n` +
      `    Source: ${source?.name} (topics: [${source?.topics[0]}])\n      --> ${processor?.name}\n` +
      `    Processor: ${processor?.name} (stores: [${store}])\n      --> none\n      <-- ${source?.name}\n`,
  }
}
