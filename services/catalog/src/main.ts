import { runService } from '@millrace/runtime'
import { catalogService } from './service.ts'

await runService(catalogService)
