CREATE TABLE `attempts` (
	`task_id` text NOT NULL,
	`attempt` integer NOT NULL,
	`worker` text NOT NULL,
	`device` text NOT NULL,
	`started_at` integer NOT NULL,
	`ended_at` integer,
	`outcome` text,
	PRIMARY KEY(`task_id`, `attempt`)
);
--> statement-breakpoint
CREATE TABLE `counters` (
	`name` text PRIMARY KEY NOT NULL,
	`value` real NOT NULL
);
--> statement-breakpoint
CREATE TABLE `inputs` (
	`input_id` text PRIMARY KEY NOT NULL,
	`owner` text,
	`sha256` text NOT NULL,
	`bytes` integer NOT NULL,
	`filename` text NOT NULL,
	`storage_key` text NOT NULL,
	`container` text NOT NULL,
	`codec` text NOT NULL,
	`duration_seconds` real NOT NULL,
	`sample_rate` integer NOT NULL,
	`channels` integer NOT NULL,
	`staging_reason` text,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `stems` (
	`task_id` text NOT NULL,
	`attempt` integer NOT NULL,
	`step` integer NOT NULL,
	`position` integer NOT NULL,
	`instrument` text NOT NULL,
	`filename` text NOT NULL,
	`storage_key` text NOT NULL,
	`format` text NOT NULL,
	`bytes` integer NOT NULL,
	`sha256` text NOT NULL,
	`duration_seconds` real NOT NULL,
	`sample_rate` integer NOT NULL,
	`channels` integer NOT NULL,
	`peak` real NOT NULL,
	`clipped_samples` integer NOT NULL,
	PRIMARY KEY(`task_id`, `attempt`, `step`, `position`)
);
--> statement-breakpoint
CREATE TABLE `tasks` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`task_id` text NOT NULL,
	`owner` text,
	`input_id` text NOT NULL,
	`plan` text NOT NULL,
	`status` text NOT NULL,
	`attempt` integer DEFAULT 0 NOT NULL,
	`failures` integer DEFAULT 0 NOT NULL,
	`not_before` integer,
	`claimed_by` text,
	`lease_until` integer,
	`cancel_requested_at` integer,
	`deleted_at` integer,
	`warnings` text DEFAULT '[]' NOT NULL,
	`failure_code` text,
	`failure_message` text,
	`created_at` integer NOT NULL,
	`started_at` integer,
	`completed_at` integer,
	`processing_seconds` real,
	`version` integer DEFAULT 1 NOT NULL,
	FOREIGN KEY (`input_id`) REFERENCES `inputs`(`input_id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `tasks_task_id_unique` ON `tasks` (`task_id`);--> statement-breakpoint
CREATE INDEX `tasks_by_status` ON `tasks` (`status`,`seq`);--> statement-breakpoint
CREATE INDEX `tasks_by_input` ON `tasks` (`input_id`);--> statement-breakpoint
CREATE INDEX `tasks_by_owner` ON `tasks` (`owner`,`seq`);