import {
  describeClusterApi,
  errorCodes,
  type DescribeClusterResponseInput,
} from '@millrace/protocol'
import { serve } from './served-api.ts'

const BROKERS = 1

/** DescribeCluster (key 60), versions 0–2: the nodes that are up. Endpoint type 2 (controllers) is refused as Kafka's brokers refuse it. */
export const describeCluster = serve({
  api: describeClusterApi,
  versions: [0, 2],
  handle: ({ endpointType }, { broker, nodes }): DescribeClusterResponseInput => {
    if (endpointType !== BROKERS) {
      const errorMessage = 'The request was sent to an endpoint of type BROKER.'
      return {
        errorCode: errorCodes.MISMATCHED_ENDPOINT_TYPE,
        errorMessage,
        clusterId: '',
        brokers: [],
      }
    }
    return {
      errorCode: errorCodes.NONE,
      clusterId: broker.clusterId,
      controllerId: broker.cluster.controller,
      brokers: nodes().map(({ id, host, port }) => ({ brokerId: id, host, port })),
    }
  },
})
