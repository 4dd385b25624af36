import { StreamsError } from '../errors.ts'
import type { LatencyCount } from '../metrics/latency-count.ts'
import type { NodeCount } from '../metrics/task-counts.ts'
import type {
  AsyncStep,
  Cancellable,
  Forward,
  Operator,
  OperatorContext,
  Schedule,
  TaskContext,
} from '../operator.ts'
import type { Headers } from '../record.ts'
import type { StateStore } from '../state/store.ts'
import type { ProcessorNode, SinkNode, SourceNode, TopologyNode } from '../topology/topology.ts'
import type { SinkWriter } from './sink-writer.ts'
import { StoppedByError } from './task-errors.ts'

/** What the nodes of a task need of it. */
export interface GraphHost {
  readonly context: TaskContext
  storeOf(node: ProcessorNode, name: string): StateStore
  schedule(node: string, schedule: Schedule, punctuate: (timestamp: number) => void): Cancellable
  countDropped(count: number): void
  addAsyncStep(step: AsyncStep): void
  keepNumber(name: string, read: () => number): number | undefined
  /** Counts what a node is given. */
  countOf(node: string): NodeCount
  /** Of a node with none behind it. */
  latencyOf(node: string): LatencyCount
  /** The wall clock as the task last looked at it, ms. */
  nowMs(): number
  writerOf(sink: SinkNode): SinkWriter
  /** What to do about an error of a node: returns to leave the record out there, throws to stop (trap 43). */
  onProcessingError(node: string, error: unknown, timestamp: number, headers: Headers): void
}

/** Operators of one task, wired by direct calls. */
export class ProcessGraph {
  readonly #operators: {
    readonly name: string
    readonly operator: Operator
    readonly context: OperatorContext
  }[] = []
  readonly #entries = new Map<string, Forward>()
  /** Sources of whose values nobody asks more than whether they are null. */
  readonly #unread = new Set<string>()

  /** @param nodes of the task's part of the topology, parents before children */
  constructor(nodes: readonly TopologyNode[], host: GraphHost) {
    const children = new Map<string, TopologyNode[]>()
    for (const node of nodes)
      if (node.kind !== 'source')
        for (const parent of node.parents)
          children.set(parent, [...(children.get(parent) ?? []), node])
    /** Made from the last to the first, so that a node's children are there. */
    const inlets = new Map<string, Forward>()
    for (const node of nodes.toReversed()) {
      const own = children.get(node.name) ?? []
      const forward = fanOut(own.map((child) => inlets.get(child.name) as Forward))
      if (node.kind === 'source') {
        this.#entries.set(node.name, forward)
        if (own.every((child) => this.#ignoresValues(child))) this.#unread.add(node.name)
      } else if (node.kind === 'sink') inlets.set(node.name, sinkInlet(node, host))
      else inlets.set(node.name, this.#addOperator(node, own, forward, inlets, host))
    }
    this.#operators.reverse()
  }

  /** Where records of a source enter. */
  entry(source: SourceNode): Forward {
    return this.#entries.get(source.name) as Forward
  }

  /** Whether somebody looks at the values of a source. */
  readsValues(source: SourceNode): boolean {
    return !this.#unread.has(source.name)
  }

  init(): void {
    for (const { name, operator, context } of this.#operators)
      try {
        operator.init?.(context)
      } catch (error) {
        if (error instanceof StreamsError) throw error
        const { taskId } = context.task
        throw new StreamsError(
          'MR_STREAMS_PROCESSING_FAILED',
          `"${name}" of task ${taskId} could not be initialised: ${String(error)}`,
          { node: name, taskId },
          { cause: error },
        )
      }
  }

  close(): void {
    for (const { operator } of this.#operators) operator.close?.()
  }

  #ignoresValues({ name }: TopologyNode): boolean {
    const found = this.#operators.find((each) => each.name === name)
    return found?.operator.ignoresValues ?? false
  }

  #addOperator(
    node: ProcessorNode,
    children: readonly TopologyNode[],
    forward: Forward,
    inlets: ReadonlyMap<string, Forward>,
    host: GraphHost,
  ): Forward {
    const operator = node.supplier()
    const context: OperatorContext = {
      nodeName: node.name,
      task: host.context,
      forward,
      forwardTo(child) {
        const inlet = children.some((each) => each.name === child) ? inlets.get(child) : undefined
        if (inlet) return inlet
        throw new StreamsError(
          'MR_STREAMS_BAD_TOPOLOGY',
          `"${node.name}" has no child "${child}" to forward to.`,
        )
      },
      store: (name) => host.storeOf(node, name),
      schedule: (schedule, punctuate) => host.schedule(node.name, schedule, punctuate),
      countDropped: (count = 1) => host.countDropped(count),
      addAsyncStep: (step) => host.addAsyncStep(step),
      keepNumber: (name, read) => host.keepNumber(`${node.name} ${name}`, read),
      fail(error) {
        if (error instanceof StoppedByError) throw error
        const { timestamp, headers } = host.context.record
        host.onProcessingError(node.name, error, timestamp, headers)
      },
    }
    this.#operators.push({ name: node.name, operator, context })
    const count = host.countOf(node.name)
    const latency = children.length === 0 ? host.latencyOf(node.name) : undefined
    return (key, value, timestamp, headers) => {
      count.processed++
      latency?.note(host.nowMs() - timestamp)
      try {
        operator.process(key, value, timestamp, headers)
      } catch (error) {
        // An error is dealt with at the node that threw; here it comes through from a child that stops the task.
        if (error instanceof StoppedByError) throw error
        host.onProcessingError(node.name, error, timestamp, headers)
      }
    }
  }
}

function sinkInlet(sink: SinkNode, host: GraphHost): Forward {
  const writer = host.writerOf(sink)
  const count = host.countOf(sink.name)
  const latency = host.latencyOf(sink.name)
  return (key, value, timestamp, headers) => {
    count.processed++
    latency.note(host.nowMs() - timestamp)
    writer.write(key, value, timestamp, headers)
  }
}

function fanOut(inlets: readonly Forward[]): Forward {
  const [first, second] = inlets
  if (!first) return () => {}
  if (!second) return first
  return (key, value, timestamp, headers) => {
    for (const inlet of inlets) inlet(key, value, timestamp, headers)
  }
}
