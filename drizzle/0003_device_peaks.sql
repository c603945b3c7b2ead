CREATE TABLE `device_peaks` (
	`model_type` text NOT NULL,
	`device` text NOT NULL,
	`batch_size` integer NOT NULL,
	`version` text NOT NULL,
	`bytes` integer NOT NULL,
	`up_to_seconds` real,
	PRIMARY KEY(`model_type`, `device`, `batch_size`)
);
