import { deleteGroupsApi } from '@millrace/protocol'
import { serve } from './served-api.ts'

/** DeleteGroups (key 42), versions 0–2: groups without members, with their offsets. NON_EMPTY_GROUP, GROUP_ID_NOT_FOUND. */
export const deleteGroups = serve({
  api: deleteGroupsApi,
  versions: [0, 2],
  handle: async ({ groupsNames }, { broker }) => {
    const results = []
    for (const groupId of groupsNames)
      results.push({ groupId, errorCode: await broker.groups.deleteGroup(groupId) })
    return { results }
  },
})
