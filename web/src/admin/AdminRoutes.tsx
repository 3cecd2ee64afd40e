import { Button } from '@mantine/core'
import { IconLock } from '@tabler/icons-react'
import { lazy } from 'react'
import { Link, Route, Routes } from 'react-router'
import { Frame } from '../layout/Frame'
import { NotFound } from '../layout/NotFound'
import { useViewer } from '../session/context'
import { EmptyState } from '../ui/EmptyState'
import { AdminFrame } from './AdminFrame'
import { AuditPage } from './AuditPage'
import { ChatsPage } from './ChatsPage'
import { DeleteUserPage } from './DeleteUserPage'
import { KeysPage } from './KeysPage'
import { LedgerPage } from './LedgerPage'
import { UserPage } from './UserPage'
import { UsersPage } from './UsersPage'

const GroupsPage = lazy(() => import('./groups/GroupsPage'))
const GroupPage = lazy(() => import('./groups/GroupPage'))
const ModelsPage = lazy(() => import('./catalog/ModelsPage'))
const ProvidersPage = lazy(() => import('./catalog/ProvidersPage'))
const WebhooksPage = lazy(() => import('./webhooks/WebhooksPage'))
const DashboardPage = lazy(() => import('./dashboard/DashboardPage'))

export default function AdminRoutes() {
  const { user } = useViewer()
  if (!user.isStaff && !user.isSuperuser) return <Forbidden />
  return (
    <Routes>
      <Route element={<AdminFrame />}>
        <Route index element={<DashboardPage />} />
        <Route path="users" element={<UsersPage />} />
        <Route path="users/:userId" element={<UserPage />} />
        <Route path="users/:userId/delete" element={<DeleteUserPage />} />
        <Route path="groups" element={<GroupsPage />} />
        <Route path="groups/:groupId" element={<GroupPage />} />
        <Route path="chats" element={<ChatsPage />} />
        <Route path="keys" element={<KeysPage />} />
        <Route path="models" element={<ModelsPage />} />
        <Route path="providers" element={<ProvidersPage />} />
        <Route path="webhooks" element={<WebhooksPage />} />
        <Route path="ledger" element={<LedgerPage />} />
        <Route path="audit" element={<AuditPage />} />
      </Route>
      <Route path="*" element={<NotFound />} />
    </Routes>
  )
}

function Forbidden() {
  return (
    <Frame>
      <EmptyState
        Icon={IconLock}
        title="This page is for staff"
        action={
          <Button component={Link} to="/">
            Back to chat
          </Button>
        }
      >
        Your account has no role on this server. If it should have one, ask your operator.
      </EmptyState>
    </Frame>
  )
}
