import { StreamsError } from '../errors.ts'
import { offsetResetText, Topology, type OffsetReset } from '../topology/topology.ts'
import type { Makers } from './makers.ts'

/** A step of the DSL, written to the topology when that is built: what comes later may still change what it writes. */
export class GraphNode {
  readonly name: string
  readonly parents: GraphNode[] = []
  readonly children: GraphNode[] = []
  /** The key may be another one after it, so that its records may lie on the wrong partition. */
  readonly isKeyChanging: boolean
  /** A join that gives results for records without a key too (KIP-962): a left or an outer one. */
  readonly #joinsNullKeys: boolean
  /** Of a windowed step: how long past a window's end it may change, ms. */
  readonly #graceMs: number | undefined
  /** Of a node that reads topics. */
  readonly source: GraphSource | undefined
  buildPriority = 0
  #isWritten = false
  readonly #write: (topology: Topology, parents: readonly string[]) => void

  constructor(
    name: string,
    write: (topology: Topology, parents: readonly string[]) => void,
    options: {
      readonly isKeyChanging?: boolean
      readonly joinsNullKeys?: boolean
      readonly graceMs?: number
      readonly source?: GraphSource
    } = {},
  ) {
    this.name = name
    this.source = options.source
    this.#graceMs = options.graceMs
    this.#joinsNullKeys = options.joinsNullKeys ?? false
    this.isKeyChanging = options.isKeyChanging ?? false
    this.#write = write
  }

  /** Whether records without a key matter to a step somewhere below; known once the graph is whole. */
  get feedsNullKeyJoin(): boolean {
    const below = new Set<GraphNode>(this.children)
    for (const node of below) {
      if (node.#joinsNullKeys) return true
      for (const child of node.children) below.add(child)
    }
    return false
  }

  /** How long after their end the windows of its records may change, ms: the most of what the windowed steps above say; undefined without one. */
  get windowGraceMs(): number | undefined {
    if (this.#graceMs !== undefined) return this.#graceMs
    const above = this.parents.map((parent) => parent.windowGraceMs)
    if (above.length === 0 || above.includes(undefined)) return undefined
    return Math.max(...(above as number[]))
  }

  /** Takes over the children of another node, which is no parent any more. */
  adopt(other: GraphNode): void {
    for (const child of other.children.splice(0)) {
      child.parents.splice(child.parents.indexOf(other), 1)
      link(this, child)
    }
  }

  get isReady(): boolean {
    return !this.#isWritten && this.parents.every((parent) => parent.#isWritten)
  }

  write(topology: Topology): void {
    this.#isWritten = true
    // The root has no name in the topology.
    this.#write(
      topology,
      this.parents.map((parent) => parent.name).filter((name) => name !== ''),
    )
  }
}

/** What a node reads. */
export interface GraphSource {
  /** By name, or the one pattern as text between slashes, which no name has. */
  readonly topics: ReadonlySet<string>
  readonly offsetReset: OffsetReset | undefined
}

/** What a graph was told when it was made. */
export interface StreamGraphOptions {
  /** State and internal topics may get names from their place in the topology, as in Java. Default false. */
  readonly allowAnonymousState?: boolean
  /** `java`: also where Kafka Streams does what nobody would want; decision 0007 lists what that is. Default: not there. */
  readonly compat?: 'java'
}

/**
 * The steps of the DSL and their numbers. Names come from one counter for all, so that they equal Java's; numbers that Java uses up
 * without showing them are used up here too.
 */
export class StreamGraph {
  /** Makes the streams and tables of this graph. */
  readonly make: Makers
  readonly #root = new GraphNode('', () => {})
  /** Does as Kafka Streams does, in everything. */
  readonly isCompatible: boolean
  readonly #allowAnonymousState: boolean
  #index = 0
  #priority = 0

  constructor(options: StreamGraphOptions, make: Makers) {
    this.make = make
    this.#allowAnonymousState = options.allowAnonymousState ?? false
    this.isCompatible = options.compat === 'java'
  }

  get root(): GraphNode {
    return this.#root
  }

  newProcessorName(prefix: string): string {
    return `${prefix}${String(this.#index++).padStart(10, '0')}`
  }

  newStoreName(prefix: string): string {
    return this.newProcessorName(`${prefix}STATE-STORE-`)
  }

  /** The name given, or a new one; takes a number either way, as Java does, so that naming a step renames no other. */
  nameOr(name: string | undefined, prefix: string): string {
    const made = this.newProcessorName(prefix)
    return name ?? made
  }

  /** @throws StreamsError `MR_STREAMS_ANONYMOUS_STATE` unless names by position were allowed */
  refuseAnonymous(what: 'state store' | 'repartition topic', name: string, option: string): void {
    if (this.#allowAnonymousState) return
    throw new StreamsError(
      'MR_STREAMS_ANONYMOUS_STATE',
      `A ${what} would be called "${name}", after its place in the topology: with the next change above it, it would be another one, and the old state be lost. Name it with the option \`${option}\`, or build with { allowAnonymousState: true }.`,
      { what, name },
    )
  }

  /** Adding a node again (a shared repartition) moves it behind what was added since, as in Java. */
  add(parents: readonly GraphNode[], node: GraphNode): void {
    for (const parent of parents) {
      link(parent, node)
      node.buildPriority = this.#priority++
    }
  }

  /** Parents first, then in the order in which they were added. */
  build(): Topology {
    this.#mergeSources()
    const topology = new Topology()
    const waiting = new Set<GraphNode>([this.#root])
    while (waiting.size > 0) {
      const node = [...waiting].reduce((first, each) =>
        each.buildPriority < first.buildPriority ? each : first,
      )
      waiting.delete(node)
      if (node.isReady) node.write(topology)
      for (const child of node.children) if (child.isReady) waiting.add(child)
    }
    return topology
  }

  /**
   * Streams of the same topics share the first one's source, its name and serdes.
   * @throws StreamsError `MR_STREAMS_BAD_TOPOLOGY` where two have some topics in common, but not all, or begin to read them elsewhere
   */
  #mergeSources(): void {
    const first = new Map<string, GraphNode>()
    for (const node of this.#root.children.slice()) {
      const topics = node.source?.topics ?? []
      const other = [...topics].map((topic) => first.get(topic)).find(Boolean)
      if (other) {
        refuseUnequal(other, node)
        other.adopt(node)
        this.#root.children.splice(this.#root.children.indexOf(node), 1)
      } else for (const topic of topics) first.set(topic, node)
    }
  }
}

function link(parent: GraphNode, child: GraphNode): void {
  if (parent.children.includes(child)) return
  parent.children.push(child)
  child.parents.push(parent)
}

function refuseUnequal(
  { name, source: first }: GraphNode,
  { name: otherName, source: second }: GraphNode,
): void {
  const [topics, others] = [first?.topics ?? new Set(), second?.topics ?? new Set()]
  const both = `"${name}" and "${otherName}"`
  if (topics.symmetricDifference(others).size > 0)
    throw new StreamsError(
      'MR_STREAMS_BAD_TOPOLOGY',
      `${both} read some topics in common, but not all: ${[...topics].join(', ')} and ${[...others].join(', ')}. Read each set of topics once, or one topic at a time.`,
    )
  const [reset, otherReset] = [first, second].map((source) => offsetResetText(source?.offsetReset))
  if (reset !== otherReset)
    throw new StreamsError(
      'MR_STREAMS_BAD_TOPOLOGY',
      `${both} read ${[...topics].join(', ')} from ${reset} and from ${otherReset}; a topic has one offsetReset.`,
    )
}
