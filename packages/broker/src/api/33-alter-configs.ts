import { alterConfigsApi } from '@millrace/protocol'
import { configOperations } from '../topics/config-changes.ts'
import { changeResources } from './config-changing.ts'
import { serve } from './served-api.ts'

/**
 * AlterConfigs (key 33), versions 0–2: replaces all settings of a topic or of the broker; what is not named goes back to its default.
 * Java's admin client has left it for IncrementalAlterConfigs, kafkajs and older librdkafka have not. v2 is flexible, nothing else.
 */
export const alterConfigs = serve({
  api: alterConfigsApi,
  versions: [0, 2],
  handle: async ({ resources, validateOnly }, { broker }) => ({
    responses: await changeResources(
      resources.map(({ resourceType, resourceName, configs }) => ({
        resourceType,
        resourceName,
        replacesAll: true,
        changes: configs.map(({ name, value }) => ({
          name,
          value,
          operation: configOperations.SET,
        })),
      })),
      validateOnly,
      broker,
    ),
  }),
})
