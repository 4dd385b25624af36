import { errorCodes } from '@millrace/protocol'
import type { BrokerState } from '../broker-state.ts'
import { changedConfigs, type ConfigChange } from '../topics/config-changes.ts'
import { faultOfConfigs, topicConfig } from '../topics/topic-configs.ts'
import { resourceTypes } from './config-sources.ts'

/** One resource of AlterConfigs or IncrementalAlterConfigs, in the form both come to. */
export interface ResourceChange {
  readonly resourceType: number
  readonly resourceName: string
  readonly changes: readonly ConfigChange[]
  /** AlterConfigs: what is not named goes back to its default. */
  readonly replacesAll: boolean
}

export interface ResourceAnswer {
  readonly errorCode: number
  readonly errorMessage: string | null
  readonly resourceType: number
  readonly resourceName: string
}

interface Fault {
  readonly errorCode: number
  readonly text: string
}

/**
 * Changes the settings of topics and of the broker. Each resource succeeds or fails by itself and as a whole; a change is in the journal
 * before it is answered, and in force from that moment on.
 */
export async function changeResources(
  resources: readonly ResourceChange[],
  validateOnly: boolean,
  broker: BrokerState,
): Promise<ResourceAnswer[]> {
  const keyOf = ({ resourceType, resourceName }: ResourceChange): string =>
    `${resourceType} ${resourceName}`
  const counts = new Map<string, number>()
  for (const resource of resources)
    counts.set(keyOf(resource), (counts.get(keyOf(resource)) ?? 0) + 1)
  const answers: ResourceAnswer[] = []
  for (const resource of resources) {
    const fault =
      counts.get(keyOf(resource))! > 1
        ? invalidRequest('Each resource must appear at most once.')
        : await changeResource(resource, validateOnly, broker)
    answers.push({
      errorCode: fault?.errorCode ?? errorCodes.NONE,
      errorMessage: fault?.text ?? null,
      resourceType: resource.resourceType,
      resourceName: resource.resourceName,
    })
  }
  return answers
}

async function changeResource(
  resource: ResourceChange,
  validateOnly: boolean,
  broker: BrokerState,
): Promise<Fault | undefined> {
  switch (resource.resourceType) {
    case resourceTypes.TOPIC:
      return changeTopic(resource, validateOnly, broker)
    case resourceTypes.BROKER:
      return changeBroker(resource, validateOnly, broker)
    default:
      return invalidRequest(`Resource type ${resource.resourceType} has no settings here.`)
  }
}

async function changeTopic(
  { resourceName, changes, replacesAll }: ResourceChange,
  validateOnly: boolean,
  { topics }: BrokerState,
): Promise<Fault | undefined> {
  const topic = topics.byName(resourceName)
  if (topic === undefined) {
    const text = `The topic '${resourceName}' does not exist.`
    return { errorCode: errorCodes.UNKNOWN_TOPIC_OR_PARTITION, text }
  }
  const outcome = changedConfigs(replacesAll ? new Map() : topic.configs, changes, topicConfig)
  if (!('configs' in outcome)) return outcome
  const text = faultOfConfigs(outcome.configs)
  if (text !== undefined) return { errorCode: errorCodes.INVALID_CONFIG, text }
  if (!validateOnly) await topics.alterConfigs(topic, outcome.configs)
  return undefined
}

async function changeBroker(
  { resourceName, changes, replacesAll }: ResourceChange,
  validateOnly: boolean,
  broker: BrokerState,
): Promise<Fault | undefined> {
  const { configs } = broker
  if (resourceName !== '' && resourceName !== String(broker.nodeId)) {
    return invalidRequest(
      `Unexpected broker id, expected ${broker.nodeId} or empty string, but received ${resourceName}`,
    )
  }
  const outcome = changedConfigs(
    replacesAll ? new Map() : configs.of(resourceName),
    changes,
    (name) => configs.row(name),
  )
  if (!('configs' in outcome)) return outcome
  const fault = configs.faultOf(
    changes.map(({ name }) => name),
    outcome.configs,
  )
  if (fault !== undefined) return fault
  if (!validateOnly) await configs.alter(resourceName, outcome.configs)
  return undefined
}

function invalidRequest(text: string): Fault {
  return { errorCode: errorCodes.INVALID_REQUEST, text }
}
