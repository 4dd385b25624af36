/**
 * Who runs what in the group: the leader tells it with each assignment, as Java's `StreamsMetadataState` hears it. Endpoints come from the
 * members' own words, so nothing that arrives is trusted to be well-formed.
 */

/** One instance of the application, which may have several stream threads. */
export interface InstanceMetadata {
  /** Of the process; outlives restarts with its state directory. */
  readonly processId: string
  /** `host:port` of its query server; undefined where it has none. */
  readonly applicationServer: string | undefined
  /** Tasks it runs, `<subtopology>_<partition>`. */
  readonly activeTasks: readonly string[]
  /** Tasks of which it keeps a copy of the state. */
  readonly standbyTasks: readonly string[]
}

/** What one member is given. */
export interface MemberTasks {
  readonly processId: string
  readonly applicationServer: string | undefined
  readonly activeTasks: readonly string[]
  readonly standbyTasks: readonly string[]
}

/** Members of one process are one instance. */
export function instancesOf(members: readonly MemberTasks[]): readonly InstanceMetadata[] {
  const instances = new Map<string, InstanceMetadata>()
  for (const member of members) {
    const before = instances.get(member.processId)
    instances.set(member.processId, {
      processId: member.processId,
      applicationServer: before?.applicationServer ?? member.applicationServer,
      activeTasks: [...(before?.activeTasks ?? []), ...member.activeTasks],
      standbyTasks: [...(before?.standbyTasks ?? []), ...member.standbyTasks],
    })
  }
  return [...instances.values()].toSorted((a, b) => (a.processId < b.processId ? -1 : 1))
}

/** What `JSON.stringify` made of instances. */
export function readInstances(told: unknown): readonly InstanceMetadata[] {
  if (!Array.isArray(told)) return []
  return told.flatMap((each: unknown) => {
    if (typeof each !== 'object' || each === null) return []
    const row = each as Readonly<Record<string, unknown>>
    if (typeof row['processId'] !== 'string') return []
    return [
      {
        processId: row['processId'],
        applicationServer: readApplicationServer(row['applicationServer']),
        activeTasks: texts(row['activeTasks']),
        standbyTasks: texts(row['standbyTasks']),
      },
    ]
  })
}

/** Undefined where it is no `host:port`. */
export function readApplicationServer(told: unknown): string | undefined {
  return typeof told === 'string' && applicationServerPattern.test(told) ? told : undefined
}

/** A name, an IPv4 address or an IPv6 address in brackets, and a port. */
const applicationServerPattern = /^(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]):\d{1,5}$/

function texts(told: unknown): readonly string[] {
  return Array.isArray(told) ? told.filter((each): each is string => typeof each === 'string') : []
}
