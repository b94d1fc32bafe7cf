"""The checker for anybody's consumer: what `redelivery` exports, and its plugin for pytest."""
