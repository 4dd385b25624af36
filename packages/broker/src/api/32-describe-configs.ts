import {
  describeConfigsApi,
  errorCodes,
  type DescribeConfigsRequest,
  type DescribeConfigsResponseInput,
} from '@millrace/protocol'
import { brokerConfigs } from '../broker-configs.ts'
import { topicConfigs } from '../topics/topic-configs.ts'
import { configSources, resourceTypes } from './config-sources.ts'
import { serve, type RequestContext } from './served-api.ts'

/**
 * DescribeConfigs (key 32), versions 1–4: every setting of a topic, set or not, and the broker's own, which are read-only here. From v3 with
 * type and documentation.
 */
export const describeConfigs = serve({
  api: describeConfigsApi,
  versions: [1, 4],
  handle: (request, context) => ({
    results: request.resources.map((resource) => describe(resource, request, context)),
  }),
})

type Resource = DescribeConfigsRequest['resources'][number]
type Result = DescribeConfigsResponseInput['results'][number]
type Config = Result['configs'][number]

function describe(
  { resourceType, resourceName, configurationKeys }: Resource,
  request: DescribeConfigsRequest,
  { broker }: RequestContext,
): Result {
  const answer = (configs: readonly Config[]): Result => ({
    errorCode: errorCodes.NONE,
    errorMessage: null,
    resourceType,
    resourceName,
    configs: configs.filter(({ name }) => configurationKeys?.includes(name) ?? true),
  })
  const refuse = (errorCode: number, errorMessage: string): Result => ({
    errorCode,
    errorMessage,
    resourceType,
    resourceName,
    configs: [],
  })
  if (resourceType === resourceTypes.TOPIC) {
    const topic = broker.topics.byName(resourceName)
    return topic === undefined
      ? refuse(errorCodes.UNKNOWN_TOPIC_OR_PARTITION, `There is no topic "${resourceName}".`)
      : answer(topicConfigs.map((row) => topicConfig(row, topic.configs, request)))
  }
  if (resourceType === resourceTypes.BROKER) {
    return resourceName === '' || resourceName === String(broker.nodeId)
      ? answer(brokerConfigs(broker).map((row) => brokerConfig(row, request)))
      : refuse(errorCodes.INVALID_REQUEST, `There is one broker, ${broker.nodeId}.`)
  }
  return refuse(errorCodes.INVALID_REQUEST, `Resource type ${resourceType} has no settings here.`)
}

function topicConfig(
  row: (typeof topicConfigs)[number],
  configs: ReadonlyMap<string, string>,
  request: DescribeConfigsRequest,
): Config {
  const set = configs.get(row.name)
  const inForce = {
    name: row.name,
    value: set ?? row.default,
    source: set === undefined ? configSources.DEFAULT : configSources.TOPIC,
  }
  const fallback = { name: row.name, value: row.default, source: configSources.DEFAULT }
  return {
    name: row.name,
    value: inForce.value,
    readOnly: false,
    configSource: inForce.source,
    isSensitive: false,
    synonyms: request.includeSynonyms ? (set === undefined ? [fallback] : [inForce, fallback]) : [],
    configType: row.type,
    documentation: request.includeDocumentation ? row.documentation : null,
  }
}

function brokerConfig(
  row: ReturnType<typeof brokerConfigs>[number],
  request: DescribeConfigsRequest,
): Config {
  return {
    name: row.name,
    value: row.value,
    readOnly: true,
    configSource: configSources.STATIC_BROKER,
    isSensitive: false,
    synonyms: [],
    configType: row.type,
    documentation: request.includeDocumentation ? row.documentation : null,
  }
}
