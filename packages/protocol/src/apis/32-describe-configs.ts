import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../schema/api.ts'
import { bool, int16, int32, int8, list, string, structs } from '../schema/fields.ts'

/**
 * DescribeConfigs (key 32), versions 1–4: settings of topics (resource type 2) and brokers (4), with where they come from.
 *
 * - 1: source and synonyms (KIP-226). 3: type and documentation (KIP-569). 4: flexible.
 *
 * Left out: 0 (gone in Kafka 4).
 */
export const describeConfigsApi = defineApi({
  key: 32,
  name: 'DescribeConfigs',
  versions: [1, 4],
  flexibleSince: 4,
  request: {
    resources: structs({
      resourceType: int8(),
      resourceName: string(),
      configurationKeys: list(string(), { nullable: 0 }),
    }),
    includeSynonyms: bool({ default: false }),
    includeDocumentation: bool({ since: 3 }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    results: structs({
      errorCode: int16(),
      errorMessage: string({ nullable: 0 }),
      resourceType: int8(),
      resourceName: string(),
      configs: structs({
        name: string(),
        value: string({ nullable: 0 }),
        readOnly: bool(),
        configSource: int8({ default: -1 }),
        isSensitive: bool(),
        synonyms: structs({
          name: string(),
          value: string({ nullable: 0 }),
          source: int8(),
        }),
        configType: int8({ since: 3, ignorable: true }),
        documentation: string({ since: 3, nullable: 0, ignorable: true }),
      }),
    }),
  },
})

export type DescribeConfigsRequest = RequestOf<typeof describeConfigsApi>
export type DescribeConfigsRequestInput = RequestInputOf<typeof describeConfigsApi>
export type DescribeConfigsResponse = ResponseOf<typeof describeConfigsApi>
export type DescribeConfigsResponseInput = ResponseInputOf<typeof describeConfigsApi>
