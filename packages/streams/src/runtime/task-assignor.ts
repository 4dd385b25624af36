/**
 * Deals tasks out over the classic group protocol: all partitions of a task go to one member. Java's members cannot be in the same group:
 * theirs is the assignor `stream`, which says other things in other bytes.
 */
import type { GroupMember, MemberShare, PartitionAssignor, TopicPartition } from '@millrace/kafka'
import {
  instancesOf,
  readApplicationServer,
  readInstances,
  type InstanceMetadata,
} from '../queries/group-instances.ts'
import { assignTasks, type AssignableTask, type AssignmentMember } from './task-assignment.ts'

/** What a member tells the leader about itself. */
export interface TaskAssignorOptions {
  readonly processId: string
  readonly subtopologies: readonly {
    readonly id: number
    readonly sourceTopics: readonly string[]
  }[]
  readonly running: () => readonly string[]
  readonly stored: () => ReadonlyMap<string, number>
  /** `host:port` at which other instances reach this one's query server; undefined where it has none. */
  readonly applicationServer?: string | undefined
  /** The leader has told who runs what in this generation. */
  readonly onInstances?: (instances: readonly InstanceMetadata[], generationId: number) => void
}

/** Of what members say to each other; another version is another assignor, so that a group never mixes them unawares. */
const version = 1

export function taskAssignor(options: TaskAssignorOptions): PartitionAssignor {
  return {
    name: `millrace-streams-${version}`,
    isCooperative: false,
    userData: () =>
      Buffer.from(
        JSON.stringify({
          processId: options.processId,
          running: options.running(),
          stored: Object.fromEntries(options.stored()),
          applicationServer: options.applicationServer,
        }),
      ),
    assign(members, partitionCounts) {
      const tasks = tasksOf(options.subtopologies, partitionCounts)
      const byId = new Map(tasks.map((task) => [task.id, task]))
      const told = members.map(memberOf)
      const assigned = assignTasks(tasks, told)
      // Everybody is told where everything is, so that queries find it.
      const instances = instancesOf(
        told.map(({ memberId, processId, applicationServer }) => ({
          processId,
          applicationServer,
          activeTasks: assigned.get(memberId) ?? [],
          standbyTasks: [],
        })),
      )
      const userData = Buffer.from(JSON.stringify({ instances }))
      const shares = new Map<string, MemberShare>()
      for (const [memberId, ids] of assigned)
        shares.set(memberId, {
          partitions: ids.flatMap((id) => byId.get(id)?.partitions ?? []),
          userData,
        })
      return shares
    },
    onAssignment({ userData }, generationId) {
      options.onInstances?.(readInstances(parsed(userData)['instances']), generationId)
    },
  }
}

/** The tasks that a share of partitions stands for, by id. */
export function tasksOfShare(
  subtopologies: TaskAssignorOptions['subtopologies'],
  share: readonly TopicPartition[],
): ReadonlyMap<string, { readonly subtopology: number; readonly partition: number }> {
  const subtopologyOf = new Map(
    subtopologies.flatMap(({ id, sourceTopics }) =>
      sourceTopics.map((topic) => [topic, id] as const),
    ),
  )
  const tasks = new Map<string, { subtopology: number; partition: number }>()
  for (const { topic, partition } of share) {
    const subtopology = subtopologyOf.get(topic)
    if (subtopology !== undefined)
      tasks.set(`${subtopology}_${partition}`, { subtopology, partition })
  }
  return tasks
}

interface PartitionedTask extends AssignableTask {
  readonly partitions: readonly TopicPartition[]
}

/** Trap 48: a task for each partition of a subtopology's largest source, which has that partition of each source that goes so far. */
function tasksOf(
  subtopologies: TaskAssignorOptions['subtopologies'],
  partitionCounts: ReadonlyMap<string, number>,
): readonly PartitionedTask[] {
  return subtopologies.flatMap(({ id, sourceTopics }) => {
    const count = Math.max(0, ...sourceTopics.map((topic) => partitionCounts.get(topic) ?? 0))
    return Array.from({ length: count }, (_, partition) => ({
      id: `${id}_${partition}`,
      subtopology: id,
      partitions: sourceTopics
        .filter((topic) => partition < (partitionCounts.get(topic) ?? 0))
        .map((topic) => ({ topic, partition })),
    }))
  })
}

/** What a member says of itself. */
interface ToldMember extends AssignmentMember {
  readonly applicationServer: string | undefined
}

function memberOf({ memberId, userData }: GroupMember): ToldMember {
  const told = parsed(userData)
  return {
    memberId,
    processId: typeof told['processId'] === 'string' ? told['processId'] : memberId,
    applicationServer: readApplicationServer(told['applicationServer']),
    running: Array.isArray(told['running'])
      ? told['running'].filter((each): each is string => typeof each === 'string')
      : [],
    stored: new Map(
      Object.entries((told['stored'] ?? {}) as Record<string, unknown>).filter(
        (row): row is [string, number] => typeof row[1] === 'number',
      ),
    ),
  }
}

/** What another member says is not trusted to be well-formed: it then counts as new. */
function parsed(userData: Buffer | null): Readonly<Record<string, unknown>> {
  if (!userData) return {}
  try {
    const told = JSON.parse(userData.toString('utf8')) as unknown
    return typeof told === 'object' && told !== null ? (told as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
