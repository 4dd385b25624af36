import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../schema/api.ts'
import { bool, int16, int32, int8, string, structs } from '../schema/fields.ts'

/**
 * DescribeCluster (key 60), versions 0–2: cluster id, controller and brokers (KIP-700).
 *
 * - 1: endpoint type, brokers or controllers (KIP-919). 2: fenced brokers (KIP-1073).
 */
export const describeClusterApi = defineApi({
  key: 60,
  name: 'DescribeCluster',
  versions: [0, 2],
  flexibleSince: 0,
  request: {
    includeClusterAuthorizedOperations: bool(),
    endpointType: int8({ since: 1, default: 1 }),
    includeFencedBrokers: bool({ since: 2 }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16(),
    errorMessage: string({ nullable: 0, default: null }),
    endpointType: int8({ since: 1, default: 1 }),
    clusterId: string(),
    controllerId: int32({ default: -1 }),
    brokers: structs({
      brokerId: int32(),
      host: string(),
      port: int32(),
      rack: string({ nullable: 0, default: null }),
      isFenced: bool({ since: 2 }),
    }),
    clusterAuthorizedOperations: int32({ default: -0x8000_0000 }),
  },
})

export type DescribeClusterRequest = RequestOf<typeof describeClusterApi>
export type DescribeClusterRequestInput = RequestInputOf<typeof describeClusterApi>
export type DescribeClusterResponse = ResponseOf<typeof describeClusterApi>
export type DescribeClusterResponseInput = ResponseInputOf<typeof describeClusterApi>
