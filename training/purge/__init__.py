"""Sound fonts without what another holds, too."""
