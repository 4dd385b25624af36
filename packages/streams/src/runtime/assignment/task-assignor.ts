/**
 * Deals tasks out over the classic group protocol: all partitions of a task go to one member. Java's members cannot be in the same group:
 * theirs is the assignor `stream`, which says other things in other bytes.
 */
import { createHash, randomUUID } from 'node:crypto'
import type { GroupMember, MemberShare, PartitionAssignor, TopicPartition } from '@millrace/kafka'
import {
  instancesOf,
  readApplicationServer,
  readInstances,
  type InstanceMetadata,
} from '../../queries/group-instances.ts'
import { partitionName } from '../partition-name.ts'
import type { AssignableTask, AssignmentMember, AssignmentRules } from './assignment-plan.ts'
import { assignTasks } from './task-assignment.ts'
import type { ThreadShare } from './thread-shares.ts'

/** What a member tells the leader about its tasks, as of now. */
export interface MemberState {
  /** Active tasks whose state is complete. */
  readonly running: readonly string[]
  /** Given to it, and not free yet. */
  readonly awaiting: readonly string[]
  readonly standby: readonly string[]
  /** How far each copy of state goes that its process has: changelog offsets, summed over the task's stores. */
  readonly positions: ReadonlyMap<string, number>
  /** Where the changelogs end, as far as it knows. */
  readonly ends: ReadonlyMap<string, number>
  /** How often it has asked the group to deal out anew: brokers do so only for a member that says something new (Java's `uniqueField`). */
  readonly asks: number
}

/** What the leader tells a member. */
export interface MemberTasks extends ThreadShare {
  /** When the group is to deal out again, since copies are warming up, ms from now; undefined where it need not, or another member sees to it. */
  readonly probeInMs: number | undefined
  /** Why the group has to deal out anew at once; undefined where it need not. */
  readonly dealAgain: string | undefined
}

/** What is dealt out; as a leader goes by the topics that it sees, so do the members that it tells of them. */
export interface AssignedPlan {
  readonly subtopologies: readonly {
    readonly id: number
    readonly patterns: readonly string[]
    readonly sourceTopics: readonly string[]
    readonly changelogs: ReadonlyMap<string, string>
  }[]
  /** Whether sources read what matches a pattern, and the topics that do. */
  readonly isOpen: boolean
  readonly matched: ReadonlyMap<string, number>
  follow(counts: ReadonlyMap<string, number>): void
}

export interface TaskAssignorOptions {
  readonly processId: string
  readonly plan: AssignedPlan
  readonly rules: AssignmentRules
  readonly probingIntervalMs: number
  readonly state: () => MemberState
  /** What this member is to have, told before its partitions come and go. */
  readonly onTasks: (tasks: MemberTasks) => void
  /** `host:port` at which other instances reach this one's query server; undefined where it has none. */
  readonly applicationServer?: string | undefined
  /** This member wants every instance of the application to end. */
  readonly asksForShutdown?: boolean
  /** Some member wants it. */
  readonly onShutdown?: () => void
  /** The leader has told which topics match the patterns of sources, with their partition counts. */
  readonly onTopics?: (matched: ReadonlyMap<string, number>) => void
  /** The leader has told who runs what in this generation. */
  readonly onInstances?: (instances: readonly InstanceMetadata[], generationId: number) => void
}

/** Of what members say to each other; another version is another assignor, so that a group never mixes them unawares. */
const version = 2

/**
 * Cooperative (KIP-429): a member keeps its tasks while the group deals out. A task that is to move is told to its new member at once and
 * comes to it in the rebalance that follows, when the old one has given it up.
 */
export function taskAssignor(options: TaskAssignorOptions): PartitionAssignor {
  const session = randomUUID()
  const facts = factsOf(options)
  return {
    name: `millrace-streams-${version}`,
    isCooperative: true,
    userData() {
      const { positions, ends, ...state } = options.state()
      return Buffer.from(
        JSON.stringify({
          processId: options.processId,
          ...state,
          positions: Object.fromEntries(positions),
          ends: Object.fromEntries(ends),
          applicationServer: options.applicationServer,
          session,
          facts,
          ...(options.asksForShutdown && { shutdown: true }),
        }),
      )
    },
    assign: (members, partitionCounts) => sharesOf(options, members, partitionCounts),
    onAssignment({ userData }, generationId) {
      const told = parsed(userData)
      // A static member that comes back is given what was dealt to the process before it, without a rebalance (KIP-345).
      const isTakenOver = told['session'] !== undefined && told['session'] !== session
      const dealAgain = isTakenOver ? reasonToDealAgain(told, facts, options.plan) : undefined
      if (told['shutdown'] === true && !isTakenOver) options.onShutdown?.()
      if (options.plan.isOpen && told['topics'] !== undefined) {
        options.plan.follow(numbersOf(told['topics']))
        options.onTopics?.(options.plan.matched)
      }
      options.onInstances?.(readInstances(told['instances']), generationId)
      options.onTasks({
        active: textsOf(told['active']),
        standby: textsOf(told['standby']),
        probeInMs: typeof told['probeInMs'] === 'number' ? told['probeInMs'] : undefined,
        dealAgain,
      })
    },
  }
}

function sharesOf(
  { plan, rules, probingIntervalMs }: TaskAssignorOptions,
  members: readonly GroupMember[],
  partitionCounts: ReadonlyMap<string, number>,
): ReadonlyMap<string, MemberShare> {
  plan.follow(partitionCounts)
  const tasks = tasksOf(plan.subtopologies, partitionCounts)
  const owners = ownersOf(members)
  const told = members.map((member) => memberOf(member, tasks, owners))
  const { shares, isProbingNeeded } = assignTasks(tasks, told, rules)
  const granted = new Map(
    [...shares].map(([memberId, { active }]) => [
      memberId,
      tasks.filter(({ id, partitions }) => active.includes(id) && areFree(partitions, memberId)),
    ]),
  )
  function areFree(partitions: readonly TopicPartition[], memberId: string): boolean {
    return partitions.every((row) => {
      const claimants = owners.claimants.get(partitionName(row))
      return !claimants || (claimants.size === 1 && claimants.has(memberId))
    })
  }
  // Everybody is told where everything is, so that queries find it: also what its member does not have yet, for nobody else will.
  const instances = instancesOf(
    told.map(({ memberId, processId, applicationServer }) => ({
      processId,
      applicationServer,
      activeTasks: shares.get(memberId)?.active ?? [],
      standbyTasks: shares.get(memberId)?.standby ?? [],
    })),
  )
  // One member sees to it; if that goes, the group deals out anyway.
  const [prober] = [...shares.keys()].toSorted()
  const isShutdown = members.some(({ userData }) => parsed(userData)['shutdown'] === true)
  const ending = isShutdown ? { shutdown: true } : {}
  return new Map(
    [...shares].map(([memberId, share]) => {
      const probeInMs =
        isProbingNeeded && memberId === prober ? { probeInMs: probingIntervalMs } : {}
      const partitions = (granted.get(memberId) ?? []).flatMap((task) => task.partitions)
      const member = members.find((each) => each.memberId === memberId)
      const { session, facts } = parsed(member?.userData ?? null)
      const userData = Buffer.from(
        JSON.stringify({
          instances,
          ...share,
          ...probeInMs,
          ...ending,
          ...(plan.isOpen && { topics: Object.fromEntries(plan.matched) }),
          session,
          facts,
          ...(givesUp(member, partitions) && { givesUp: true }),
        }),
      )
      return [memberId, { partitions, userData }]
    }),
  )
}

/** Whether it is to join once more, when others can have what it gives up. */
function givesUp(member: GroupMember | undefined, kept: readonly TopicPartition[]): boolean {
  const names = new Set(kept.map(partitionName))
  return member?.ownedPartitions.some((row) => !names.has(partitionName(row))) ?? false
}

/** Of a member by which the group deals out, and that stays the same while it runs. */
function factsOf({ processId, applicationServer, plan }: TaskAssignorOptions): string {
  const shapes = plan.subtopologies.map(({ id, patterns, sourceTopics, changelogs }) => [
    id,
    // Of a pattern the topics that match are none of the member's.
    [...sourceTopics.filter((topic) => !plan.matched.has(topic)), ...patterns].toSorted(),
    [...changelogs].map((names) => names.join(' ')).toSorted(),
  ])
  const text = JSON.stringify([processId, applicationServer ?? null, shapes])
  return createHash('sha256').update(text).digest('base64url')
}

/** @param told to the member before this one of the same name */
function reasonToDealAgain(
  told: Readonly<Record<string, unknown>>,
  facts: string,
  { isOpen, matched }: AssignedPlan,
): string | undefined {
  if (told['facts'] !== facts) return 'a static member came back with another topology or address'
  // Its former self has not lived to tell that it had.
  if (told['givesUp'] === true) return 'a static member came back that was to give something up'
  // Nobody may have looked while it was away.
  const known = new Set(numbersOf(told['topics']).keys())
  if (isOpen && known.symmetricDifference(matched).size > 0)
    return 'a static member came back and found other topics'
  return undefined
}

interface Owners {
  /** Members that say to own a partition, by its name. */
  readonly claimants: ReadonlyMap<string, ReadonlySet<string>>
}

/**
 * Who has which partition. Where two say so the later generation is right, for the other was away when it lost it; of one generation neither is
 * believed, and both have to give it up.
 */
function ownersOf(members: readonly GroupMember[]): Owners {
  const claimants = new Map<string, Set<string>>()
  const generations = new Map<string, number>()
  for (const { memberId, ownedPartitions, generationId } of members)
    for (const row of ownedPartitions) {
      const name = partitionName(row)
      const latest = generations.get(name) ?? -Infinity
      if (generationId < latest) continue
      if (generationId > latest) claimants.set(name, new Set())
      generations.set(name, generationId)
      claimants.get(name)?.add(memberId)
    }
  return { claimants }
}

/** The tasks that a share of partitions stands for, by id. */
export function tasksOfShare(
  subtopologies: readonly { readonly id: number; readonly sourceTopics: readonly string[] }[],
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
  subtopologies: AssignedPlan['subtopologies'],
  partitionCounts: ReadonlyMap<string, number>,
): readonly PartitionedTask[] {
  return subtopologies.flatMap(({ id, sourceTopics, changelogs }) => {
    const count = Math.max(0, ...sourceTopics.map((topic) => partitionCounts.get(topic) ?? 0))
    return Array.from({ length: count }, (_, partition) => ({
      id: `${id}_${partition}`,
      subtopology: id,
      isStateful: changelogs.size > 0,
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

function memberOf(
  { memberId, userData }: GroupMember,
  tasks: readonly PartitionedTask[],
  { claimants }: Owners,
): ToldMember {
  const told = parsed(userData)
  const active = tasks
    .filter(({ partitions }) =>
      partitions.some((row) => claimants.get(partitionName(row))?.has(memberId)),
    )
    .map(({ id }) => id)
  return {
    memberId,
    processId: typeof told['processId'] === 'string' ? told['processId'] : memberId,
    applicationServer: readApplicationServer(told['applicationServer']),
    active,
    running: textsOf(told['running']).filter((id) => active.includes(id)),
    awaiting: textsOf(told['awaiting']),
    standby: textsOf(told['standby']),
    positions: numbersOf(told['positions']),
    ends: numbersOf(told['ends']),
  }
}

function textsOf(told: unknown): readonly string[] {
  return Array.isArray(told) ? told.filter((each): each is string => typeof each === 'string') : []
}

function numbersOf(told: unknown): ReadonlyMap<string, number> {
  if (typeof told !== 'object' || told === null) return new Map()
  return new Map(
    Object.entries(told as Record<string, unknown>).filter(
      (row): row is [string, number] => Number.isSafeInteger(row[1]) && (row[1] as number) >= 0,
    ),
  )
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
