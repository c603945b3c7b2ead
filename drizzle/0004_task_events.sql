CREATE TABLE `events` (
	`owner` text NOT NULL,
	`number` integer NOT NULL,
	`task_id` text NOT NULL,
	`type` text NOT NULL,
	`attempt` integer NOT NULL,
	`at` integer NOT NULL,
	PRIMARY KEY(`owner`, `number`)
);
--> statement-breakpoint
CREATE INDEX `events_by_task` ON `events` (`task_id`,`number`);