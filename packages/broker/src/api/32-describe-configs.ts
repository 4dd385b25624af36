import {
  describeConfigsApi,
  errorCodes,
  type DescribeConfigsRequest,
  type DescribeConfigsResponseInput,
} from '@millrace/protocol'
import { brokerConfigOf, brokerConfigs } from '../broker-configs.ts'
import type { BrokerState } from '../broker-state.ts'
import { topicConfigs } from '../topics/topic-configs.ts'
import { configSources, resourceTypes } from './config-sources.ts'
import { serve, type RequestContext } from './served-api.ts'

/**
 * DescribeConfigs (key 32), versions 1–4: every setting of a topic, set or not, and the broker's own, each with where its value comes from; synonyms
 * tell the values beneath it. From v3 with type and documentation.
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
      : answer(
          topicConfigs.map((row) =>
            configOf(row, topicLayers(row, topic.configs, broker), false, request),
          ),
        )
  }
  if (resourceType === resourceTypes.BROKER) {
    return resourceName === '' ||
      broker.cluster.allNodes.some((node) => resourceName === String(node))
      ? answer(brokerAnswer(resourceName, request, broker))
      : refuse(
          errorCodes.INVALID_REQUEST,
          `There is no node ${resourceName}; the nodes are 1 to ${broker.cluster.nodeCount}.`,
        )
  }
  return refuse(errorCodes.INVALID_REQUEST, `Resource type ${resourceType} has no settings here.`)
}

/** Where a value comes from, the one in force first. */
interface Layer {
  readonly name: string
  readonly value: string
  readonly source: number
}

function topicLayers(
  row: (typeof topicConfigs)[number],
  configs: ReadonlyMap<string, string>,
  broker: BrokerState,
): Layer[] {
  const name = brokerConfigOf(row.name)
  return [
    ...layer(row.name, configs, configSources.TOPIC),
    ...(name === undefined ? [] : dynamicLayers(name, broker)),
    { name: name ?? row.name, value: row.default, source: configSources.DEFAULT },
  ]
}

function dynamicLayers(name: string, { configs, nodeId }: BrokerState): Layer[] {
  return [
    ...layer(name, configs.of(String(nodeId)), configSources.DYNAMIC_BROKER),
    ...layer(name, configs.of(''), configSources.DYNAMIC_DEFAULT_BROKER),
  ]
}

function layer(name: string, configs: ReadonlyMap<string, string>, source: number): Layer[] {
  const value = configs.get(name)
  return value === undefined ? [] : [{ name, value, source }]
}

/** Under the empty name only what was changed for the cluster, as Kafka answers. */
function brokerAnswer(
  resourceName: string,
  request: DescribeConfigsRequest,
  broker: BrokerState,
): Config[] {
  const configs = []
  for (const row of brokerConfigs(broker)) {
    const { name, value } = row
    const isDynamic = row.topicConfig !== undefined
    const layers =
      resourceName === ''
        ? layer(name, broker.configs.of(''), configSources.DYNAMIC_DEFAULT_BROKER)
        : [
            ...dynamicLayers(name, broker),
            {
              name,
              value,
              source: isDynamic ? configSources.DEFAULT : configSources.STATIC_BROKER,
            },
          ]
    if (layers.length > 0) configs.push(configOf(row, layers, !isDynamic, request))
  }
  return configs
}

function configOf(
  row: { readonly name: string; readonly type: number; readonly documentation: string },
  layers: readonly Layer[],
  readOnly: boolean,
  request: DescribeConfigsRequest,
): Config {
  const inForce = layers[0]!
  return {
    name: row.name,
    value: inForce.value,
    readOnly,
    configSource: inForce.source,
    isSensitive: false,
    synonyms: request.includeSynonyms ? layers : [],
    configType: row.type,
    documentation: request.includeDocumentation ? row.documentation : null,
  }
}
