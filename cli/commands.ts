// The commands there are, in the order of --help. A list and nothing else.
import type { CommandClass } from "clipanion";
import * as agent from "./commands/agent.ts";
import { AgentLaunchCommand, AgentRunsCommand, AgentStopCommand } from "./commands/agent-launch.ts";
import { AgentRunCommand } from "./commands/agent-run.ts";
import { ApplyCommand } from "./commands/apply.ts";
import * as approvals from "./commands/approvals.ts";
import { AssembleCommand } from "./commands/assemble.ts";
import { AuditCompactCommand } from "./commands/audit-compact.ts";
import { AuditExportCommand } from "./commands/audit-export.ts";
import { AuditLsCommand, AuditTailCommand } from "./commands/audit-list.ts";
import { AuditProveCommand } from "./commands/audit-prove.ts";
import { AuditQueryCommand } from "./commands/audit-query.ts";
import { AuditEraseCommand, AuditRevealCommand } from "./commands/audit-reveal.ts";
import { AuditShowCommand } from "./commands/audit-show.ts";
import { AuditStatsCommand } from "./commands/audit-stats.ts";
import { AuditTraceCommand } from "./commands/audit-trace.ts";
import { AuditVerifyCommand } from "./commands/audit-verify.ts";
import { AuditWitnessCommand } from "./commands/audit-witness.ts";
import * as auth from "./commands/auth.ts";
import { BenchCommand } from "./commands/bench.ts";
import { BuildCommand } from "./commands/build.ts";
import { BundleCommand } from "./commands/bundle.ts";
import { CheckCommand } from "./commands/check.ts";
import { CompletionCommand } from "./commands/completion.ts";
import { ConvertCommand } from "./commands/convert.ts";
import * as credential from "./commands/credential.ts";
import { DestroyCommand } from "./commands/destroy.ts";
import { DevCommand } from "./commands/dev.ts";
import { DisassembleCommand } from "./commands/disassemble.ts";
import { ExplainApprovalCommand, ExplainCommand } from "./commands/explain.ts";
import { ExplainRuleCommand } from "./commands/explain-rule.ts";
import { ExplainAgentCommand, ExplainRunCommand } from "./commands/explain-run.ts";
import { FmtCommand } from "./commands/fmt.ts";
import * as grants from "./commands/grants.ts";
import { HistoryCommand } from "./commands/history.ts";
import { HookCommand } from "./commands/hook.ts";
import { InitCommand } from "./commands/init.ts";
import { KeyRotateCommand, KeyShowCommand } from "./commands/key.ts";
import { LearnCommand } from "./commands/learn.ts";
import { McpWrapCommand } from "./commands/mcp-wrap.ts";
import { PlanCommand } from "./commands/plan.ts";
import * as registry from "./commands/registry.ts";
import { RegistryPublishCommand, RegistrySignCommand } from "./commands/registry-publish.ts";
import { RollbackCommand } from "./commands/rollback.ts";
import { SchemaCommand } from "./commands/schema.ts";
import { SelfTestCommand } from "./commands/selftest.ts";
import { ServiceInstallCommand, ServiceUninstallCommand } from "./commands/service.ts";
import { StatusCommand } from "./commands/status.ts";
import { TestCommand } from "./commands/test.ts";
import { TestGenerateCommand } from "./commands/test-generate.ts";
import { TestRecordCommand } from "./commands/test-record.ts";
import * as token from "./commands/token.ts";
import { WitnessServeCommand } from "./commands/witness-serve.ts";
import type { Context } from "./context.ts";

export const commands: readonly CommandClass<Context>[] = [
  InitCommand,
  CheckCommand,
  FmtCommand,
  ConvertCommand,
  BuildCommand,
  BundleCommand,
  LearnCommand,
  TestCommand,
  TestGenerateCommand,
  TestRecordCommand,
  McpWrapCommand,
  PlanCommand,
  BenchCommand,
  ApplyCommand,
  RollbackCommand,
  HistoryCommand,
  StatusCommand,
  approvals.ApprovalsListCommand,
  approvals.ApprovalsPendingCommand,
  approvals.ApprovalsShowCommand,
  approvals.ApprovalsApproveCommand,
  approvals.ApprovalsDenyCommand,
  approvals.ApprovalsHistoryCommand,
  approvals.ApprovalsWatchCommand,
  grants.GrantsAddCommand,
  grants.GrantsListCommand,
  grants.GrantsRevokeCommand,
  agent.AgentListCommand,
  agent.AgentShowCommand,
  agent.AgentQuiesceCommand,
  agent.AgentKillCommand,
  agent.AgentResumeCommand,
  AgentRunCommand,
  AgentLaunchCommand,
  AgentStopCommand,
  AgentRunsCommand,
  credential.CredentialPreviewCommand,
  credential.CredentialProbeCommand,
  token.TokenCreateCommand,
  token.TokenListCommand,
  token.TokenRevokeCommand,
  HookCommand,
  AuditTailCommand,
  AuditShowCommand,
  AuditLsCommand,
  AuditTraceCommand,
  AuditStatsCommand,
  AuditQueryCommand,
  AuditVerifyCommand,
  AuditExportCommand,
  AuditProveCommand,
  AuditCompactCommand,
  AuditRevealCommand,
  AuditEraseCommand,
  AuditWitnessCommand,
  ExplainCommand,
  ExplainApprovalCommand,
  ExplainRuleCommand,
  ExplainRunCommand,
  ExplainAgentCommand,
  KeyShowCommand,
  KeyRotateCommand,
  WitnessServeCommand,
  registry.RegistryListCommand,
  registry.RegistrySearchCommand,
  registry.RegistryInfoCommand,
  RegistrySignCommand,
  RegistryPublishCommand,
  auth.AuthLoginCommand,
  auth.AuthLogoutCommand,
  auth.AuthWhoamiCommand,
  DevCommand,
  ServiceInstallCommand,
  ServiceUninstallCommand,
  DestroyCommand,
  DisassembleCommand,
  AssembleCommand,
  SelfTestCommand,
  SchemaCommand,
  CompletionCommand,
];
