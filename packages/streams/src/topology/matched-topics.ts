import { StreamsError } from '../errors.ts'
import type { SourceNode, Topology } from './topology.ts'

/** Whether a topology has sources whose topics are known by a pattern only. */
export function hasPatterns(topology: Topology): boolean {
  return [...topology.nodes.values()].some((node) => node.kind === 'source' && node.pattern)
}

/**
 * The source whose pattern matches a topic; undefined without one, and for the application's own topics: what it stores and sends to itself is no
 * input. (Java's patterns match those too.)
 * @param topic its name on the cluster
 * @throws StreamsError `MR_STREAMS_BAD_TOPOLOGY` where two sources would read it, as in Java
 */
export function sourceMatching(
  topology: Topology,
  applicationId: string,
  topic: string,
): SourceNode | undefined {
  if (isOwn(topology, applicationId, topic)) return undefined
  let found: SourceNode | undefined
  for (const node of topology.nodes.values()) {
    if (node.kind !== 'source' || !node.pattern?.matches(topic)) continue
    if (found)
      throw new StreamsError(
        'MR_STREAMS_BAD_TOPOLOGY',
        `The topic "${topic}" matches the patterns of "${found.name}" (${found.pattern?.id}) and of "${node.name}" (${node.pattern.id}), and can be read by one of them only. Make one of the patterns narrower.`,
        { topic, sources: [found.name, node.name] },
      )
    found = node
  }
  return found
}

function isOwn(topology: Topology, applicationId: string, topic: string): boolean {
  const prefix = `${applicationId}-`
  if (!topic.startsWith(prefix)) return false
  const name = topic.slice(prefix.length)
  const store = name.endsWith('-changelog') ? name.slice(0, -'-changelog'.length) : undefined
  return topology.internalTopics.has(name) || (store !== undefined && topology.stores.has(store))
}
