import { useViewer } from '../session/context'
import { CsvButton } from '../ui/CsvButton'
import { actionLabel, formatDetails, targetOwner } from './auditLabels'
import type { AuditFilters } from './filters'
import { auditPages, MAX_PAGE } from './lists'
import { loadAll } from './loadAll'

const HEADER = ['event_id', 'created_at', 'actor', 'action', 'event', 'target', 'changes', 'details']

/** Downloads all audit events that match the filters, newest first. */
export function AuditCsvButton({ filters }: { filters: AuditFilters }) {
  const { client } = useViewer()
  const rows = async () =>
    (await loadAll(auditPages(client, filters, MAX_PAGE))).map((event) => [
      event.id,
      event.createdAt,
      event.actorName,
      event.action,
      actionLabel(event),
      targetOwner(event),
      formatDetails(event),
      event.details,
    ])
  return <CsvButton name="audit" header={HEADER} rows={rows} />
}
