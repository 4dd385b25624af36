import { runService } from '@millrace/runtime'
import { discussionsService } from './service.ts'

await runService(discussionsService)
