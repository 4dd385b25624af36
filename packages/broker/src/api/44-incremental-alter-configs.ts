import { incrementalAlterConfigsApi } from '@millrace/protocol'
import { changeResources } from './config-changing.ts'
import { serve } from './served-api.ts'

/**
 * IncrementalAlterConfigs (key 44), versions 0–1: SET, DELETE, APPEND and SUBTRACT single settings of a topic or of the broker (KIP-339).
 * v1 is flexible, nothing else. Broker loggers, client metrics and groups have no settings here.
 */
export const incrementalAlterConfigs = serve({
  api: incrementalAlterConfigsApi,
  versions: [0, 1],
  handle: async ({ resources, validateOnly }, { broker }) => ({
    responses: await changeResources(
      resources.map(({ resourceType, resourceName, configs }) => ({
        resourceType,
        resourceName,
        replacesAll: false,
        changes: configs.map(({ name, configOperation, value }) => ({
          name,
          value,
          operation: configOperation,
        })),
      })),
      validateOnly,
      broker,
    ),
  }),
})
