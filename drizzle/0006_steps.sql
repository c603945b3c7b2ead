CREATE TABLE `__new_attempts` (
	`task_id` text NOT NULL,
	`step` integer DEFAULT 0 NOT NULL,
	`attempt` integer NOT NULL,
	`worker` text NOT NULL,
	`device` text NOT NULL,
	`started_at` integer NOT NULL,
	`ended_at` integer,
	`outcome` text,
	PRIMARY KEY(`task_id`, `step`, `attempt`)
);
--> statement-breakpoint
INSERT INTO `__new_attempts`("task_id", "step", "attempt", "worker", "device", "started_at", "ended_at", "outcome") SELECT "task_id", 0, "attempt", "worker", "device", "started_at", "ended_at", "outcome" FROM `attempts`;--> statement-breakpoint
DROP TABLE `attempts`;--> statement-breakpoint
ALTER TABLE `__new_attempts` RENAME TO `attempts`;--> statement-breakpoint
ALTER TABLE `events` ADD `step` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `tasks` ADD `step` integer DEFAULT 0 NOT NULL;